"""The model manager against a repository in memory, on virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from frontend.core.config import AsrConfig
from frontend.core.errors import (
    InvalidInput,
    ModelBusy,
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
    UnknownName,
)
from frontend.serving.manager import FAILED_PROBES, PARALLEL_LOADS, ModelManager
from tests.unit.serving.fakes import FakeTriton
from tests.unit.virtual_time import on_virtual_time

PROBE_S = 2.0
"""The default of triton.probe_interval_ms."""


def made(**changes: Any) -> tuple[FakeTriton, ModelManager]:
    triton = FakeTriton({"tone": "tts", "espeak-en": "tts", "pocketsphinx-en": "asr"}, **changes)
    return triton, ModelManager(cast(Any, triton))


@asynccontextmanager
async def watching(manager: ModelManager) -> AsyncIterator[None]:
    """The manager watches; a watch that ended by itself fails the test."""
    task = asyncio.create_task(manager.run(), name="watch")
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait({task})


# --- loading and unloading ----------------------------------------------------------------------


@on_virtual_time
async def test_a_model_is_loaded_once_however_many_ask() -> None:
    triton, manager = made()
    infos = await asyncio.gather(*(manager.ensure("tone") for _ in range(10)))
    infos.append(await manager.ensure("tone"))
    assert triton.calls == ["load tone", "describe tone"]
    assert {info.name for info in infos} == {"tone"}
    assert manager.wanted == {"tone"}
    assert manager.info("tone") == infos[0]
    assert manager.info("espeak-en") is None


@on_virtual_time
async def test_a_model_that_others_loaded_is_not_loaded_again() -> None:
    triton, manager = made()
    triton.states["tone"] = "READY"
    await manager.ensure("tone")
    assert triton.calls == ["describe tone"]


@on_virtual_time
async def test_loads_are_few_at_a_time() -> None:
    triton = FakeTriton({f"voice-{n}": "tts" for n in range(6)})
    manager = ModelManager(cast(Any, triton))
    await asyncio.gather(*(manager.ensure(name) for name in triton.kinds))
    assert triton.most_loading == PARALLEL_LOADS
    assert manager.wanted == set(triton.kinds)


@on_virtual_time
async def test_unknown_names_come_with_the_nearest() -> None:
    triton, manager = made()
    for call in (manager.ensure, manager.unload):
        with pytest.raises(UnknownName, match=r"'espek-en'; did you mean 'espeak-en'\?") as told:
            await call("espek-en")
        assert "(there are: espeak-en, pocketsphinx-en, tone)" in str(told.value)
        with pytest.raises(UnknownName, match=r"no model 'zzz' \(there are"):
            await call("zzz")
    assert triton.calls == []
    assert manager.wanted == set()


@on_virtual_time
async def test_a_recogniser_is_no_voice() -> None:
    _, manager = made()
    assert (await manager.ensure("pocketsphinx-en", "asr")).kind == "asr"
    with pytest.raises(InvalidInput, match="'pocketsphinx-en' is a recogniser, not a voice"):
        await manager.ensure("pocketsphinx-en", "tts")
    with pytest.raises(InvalidInput, match="'tone' is a voice, not a recogniser"):
        await manager.ensure("tone", "asr")


@on_virtual_time
async def test_a_failed_load_can_be_tried_again() -> None:
    triton, manager = made()
    triton.failures["load tone"] = [ModelFailed("no weights", model="tone")]
    answers = await asyncio.gather(
        manager.ensure("tone"), manager.ensure("tone"), return_exceptions=True
    )
    assert isinstance(answers[0], ModelFailed)
    assert not isinstance(answers[1], BaseException), "the second had to try again"
    assert manager.wanted == {"tone"}


@on_virtual_time
async def test_a_load_that_nobody_waits_for_any_more_frees_its_place() -> None:
    triton, manager = made(load_s=100.0)
    asked = asyncio.create_task(manager.ensure("tone"))
    await asyncio.sleep(1)
    asked.cancel()
    await asyncio.wait({asked})
    triton.load_s = 1.0
    await manager.ensure("tone")
    assert triton.loading == 0
    assert manager.wanted == {"tone"}


@on_virtual_time
async def test_an_unloaded_model_is_not_brought_back() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    async with watching(manager):
        await manager.unload("tone")
        await asyncio.sleep(3 * PROBE_S)
    assert triton.states["tone"] == "UNAVAILABLE"
    assert (manager.wanted, manager.info("tone")) == (frozenset(), None)
    assert triton.count("load tone") == 1


@on_virtual_time
async def test_an_unload_during_a_load_wins() -> None:
    triton, manager = made(load_s=2.0)
    loading = asyncio.create_task(manager.ensure("tone"))
    await asyncio.sleep(1)
    await manager.unload("tone")
    await asyncio.wait({loading})
    assert triton.states["tone"] == "UNAVAILABLE"
    assert manager.wanted == set()


@on_virtual_time
async def test_a_load_right_after_an_unload_waits_for_the_stream_in_flight() -> None:
    triton, manager = made(unload_s=2.0)
    await manager.ensure("tone")
    await manager.unload("tone")
    await manager.ensure("tone")
    await asyncio.sleep(5)
    assert triton.states["tone"] == "READY"


@on_virtual_time
async def test_statuses_tell_every_model_and_what_is_known_of_it() -> None:
    _, manager = made()
    await manager.ensure("tone")
    told = {status.name: (status.state, status.info) for status in await manager.statuses()}
    assert told == {
        "espeak-en": ("UNAVAILABLE", None),
        "pocketsphinx-en": ("UNAVAILABLE", None),
        "tone": ("READY", manager.info("tone")),
    }


@pytest.mark.parametrize(
    ("repository", "asr", "chosen"),
    [
        (["whisper", "whisper-en", "whisper-base-en"], {"model_size": "base"}, "whisper-base-en"),
        (["whisper", "whisper-base"], {"model_size": "base"}, "whisper-base"),
        (["whisper", "whisper-en"], {}, "whisper-en"),
        (["whisper"], {"language": "de-CH"}, "whisper"),
        (["whisper-de"], {"language": "de-CH"}, "whisper-de"),
        (["whisper"], {"language": ""}, "whisper"),
    ],
)
def test_the_most_exact_recogniser_is_picked(
    repository: list[str], asr: dict[str, str], chosen: str
) -> None:
    triton = FakeTriton(dict.fromkeys(repository, "asr"))
    config = AsrConfig(**{"adapter": "whisper", "language": "en", **asr})
    assert asyncio.run(ModelManager(cast(Any, triton)).pick_recogniser(config)) == chosen


def test_a_recogniser_that_is_not_there_is_named_with_the_nearest() -> None:
    _, manager = made()
    with pytest.raises(UnknownName, match=r"'pocketsfinx-en'; did you mean 'pocketsphinx-en'\?"):
        asyncio.run(manager.pick_recogniser(AsrConfig(adapter="pocketsfinx", language="en")))


# --- watching -----------------------------------------------------------------------------------


@on_virtual_time
async def test_healthy_and_busy_models_are_left_alone() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelBusy("full", model="tone")] * 10
    async with watching(manager):
        await asyncio.sleep(20 * PROBE_S)
    assert triton.count("probe tone") >= 15
    assert triton.count("unload tone") == 0


@on_virtual_time
async def test_one_failed_probe_may_just_be_slow() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    slow = ModelTimeout("slow", model="tone")
    triton.failures["probe tone"] = [*([slow] * (FAILED_PROBES - 1)), None] * 3
    async with watching(manager):
        await asyncio.sleep(8 * PROBE_S)
    assert triton.count("unload tone") == 0


@pytest.mark.parametrize("error", [ModelTimeout, ModelFailed])
def test_a_model_that_fails_twice_in_a_row_is_reloaded(error: type[TritonError]) -> None:
    @on_virtual_time
    async def watched() -> None:
        triton, manager = made()
        await manager.ensure("tone")
        triton.failures["probe tone"] = [error("hung", model="tone")] * FAILED_PROBES
        async with watching(manager):
            await asyncio.sleep(6 * PROBE_S)
        assert (triton.count("unload tone"), triton.count("load tone")) == (1, 2)
        assert triton.states["tone"] == "READY"

    watched()


@on_virtual_time
async def test_a_model_that_is_gone_is_reloaded_at_once() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    await manager.ensure("espeak-en")
    triton.failures["probe tone"] = [ModelUnavailable("stub process died", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(triton.load_s + 0.5)
        assert triton.states["tone"] == "READY"
    assert (triton.count("unload tone"), triton.count("unload espeak-en")) == (1, 0)


@on_virtual_time
async def test_a_reload_waits_until_the_old_instance_is_gone() -> None:
    triton, manager = made(unload_s=1.5)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("stub process died", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(4)
    assert triton.states["tone"] == "READY"
    assert triton.count("load tone") == 2


@on_virtual_time
async def test_a_hung_stream_does_not_hold_up_a_reload_for_ever() -> None:
    triton, manager = made(unload_s=1000.0)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("stub process died", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(10)
        assert triton.count("load tone") >= 2
        await asyncio.wait_for(manager.ensure("espeak-en"), 5)


@on_virtual_time
async def test_a_reload_that_failed_is_tried_again() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("gone", model="tone")]
    triton.failures["load tone"] = [ModelFailed("no memory", model="tone")] * 3
    async with watching(manager):
        await asyncio.sleep(8 * PROBE_S)
    assert triton.states["tone"] == "READY"
    assert triton.count("load tone") == 5


@on_virtual_time
async def test_an_unload_during_a_reload_wins() -> None:
    triton, manager = made(load_s=2.0)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("gone", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(1)
        assert triton.states["tone"] == "LOADING"
        await manager.unload("tone")
        await asyncio.sleep(3 * PROBE_S)
    assert triton.states["tone"] == "UNAVAILABLE"
    assert manager.wanted == set()


@on_virtual_time
async def test_one_slow_reload_leaves_loads_of_others_alone() -> None:
    triton, manager = made(load_s=60.0)
    triton.states = dict.fromkeys(triton.kinds, "READY")
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("gone", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(1)
        await asyncio.wait_for(manager.ensure("espeak-en"), 1)
    assert manager.wanted == {"tone", "espeak-en"}


@on_virtual_time
async def test_a_suspicion_is_looked_into_at_once_even_during_a_look() -> None:
    triton, manager = made(load_s=1.0)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("gone", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(0.5)  # the reload is under way
        manager.suspect()
        await asyncio.sleep(0.6)
        assert triton.count("probe tone") == 2


# --- a server that goes away --------------------------------------------------------------------


@on_virtual_time
async def test_waiting_for_a_server_is_told_once() -> None:
    triton, manager = made(answers=False)
    told: list[str] = []
    asyncio.get_running_loop().call_later(7, triton.back)
    await manager.wait_for_server(told.append)
    assert told == ["waiting for Triton at 127.0.0.1:8001"]
    await manager.wait_for_server(told.append)
    assert len(told) == 1


@on_virtual_time
async def test_what_was_loaded_is_loaded_again_when_the_server_is_back() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    await manager.ensure("pocketsphinx-en")
    async with watching(manager):
        triton.lost()
        await asyncio.sleep(10)
        with pytest.raises(TritonUnavailable):
            await manager.ensure("espeak-en")
        triton.back()
        await asyncio.sleep(4)
        assert triton.states == {
            "tone": "READY",
            "pocketsphinx-en": "READY",
            "espeak-en": "UNAVAILABLE",
        }
    assert manager.wanted == {"tone", "pocketsphinx-en"}


@on_virtual_time
async def test_a_server_that_was_only_slow_keeps_its_models() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    async with watching(manager):
        triton.answers = False
        await asyncio.sleep(2 * PROBE_S)
        triton.back()
        await asyncio.sleep(2 * PROBE_S)
    assert (triton.count("unload tone"), triton.count("load tone")) == (0, 1)


@on_virtual_time
async def test_a_server_lost_during_a_reload_is_waited_for() -> None:
    triton, manager = made(load_s=2.0)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("gone", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(1)
        triton.lost()
        await asyncio.sleep(10)
        triton.back()
        await asyncio.sleep(2 * PROBE_S + 3)
        assert triton.states["tone"] == "READY"
