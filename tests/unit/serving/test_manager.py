"""The model manager against a repository in memory, on virtual time."""

import asyncio
from typing import Any, cast

import pytest

from tests.unit.serving.fakes import FakeTriton, made, watching
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, ModelManagerConfig
from vdx.core.errors import (
    InvalidInput,
    ModelFailed,
    UnknownName,
)
from vdx.serving.default_models import DefaultModels
from vdx.serving.manager import ModelManager

PROBE_S = 2.0
"""The default of triton.probe_interval_ms."""


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
    config = ModelManagerConfig(max_parallel_loads=2)
    manager = ModelManager(cast(Any, triton), config=config)
    await asyncio.gather(*(manager.ensure(name) for name in triton.kinds))
    assert triton.most_loading == 2
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
        (["whisper", "whisper-base-en"], {"model": "whisper-base"}, "whisper-base-en"),
        (["whisper", "whisper-base"], {"model": "whisper-base"}, "whisper-base"),
        (["whisper", "whisper-en"], {}, "whisper"),
        (["whisper-base", "whisper-base.en"], {"model": "whisper-base"}, "whisper-base"),
        (["whisper-base.en"], {"model": "whisper-base"}, "whisper-base.en"),
        (["whisper"], {"language": "de-CH"}, "whisper"),
        (["whisper-de"], {"language": "de-CH"}, "whisper-de"),
        (["whisper"], {"language": ""}, "whisper"),
    ],
)
def test_the_most_exact_recogniser_is_picked(
    repository: list[str], asr: dict[str, str], chosen: str
) -> None:
    config = Config.model_validate({"asr": {"model": "whisper", "language": "en", **asr}})
    assert DefaultModels.of(config, repository).recogniser(config.asr.language) == chosen


def test_a_recogniser_that_is_not_there_is_named_with_the_nearest() -> None:
    _, manager = made()
    with pytest.raises(UnknownName, match=r"'pocketsfinx'; did you mean 'pocketsphinx-en'\?"):
        asyncio.run(manager.resolve("pocketsfinx", "asr", "en"))
