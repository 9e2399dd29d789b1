"""The model manager watching: models that fail and servers that go away, on virtual time."""

import asyncio

import pytest

from frontend.core.errors import (
    ModelBusy,
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from frontend.serving.manager import FAILED_PROBES
from frontend.serving.orphans import CHILD_PREFIX
from tests.unit.serving.fakes import made, watching
from tests.unit.virtual_time import on_virtual_time

PROBE_S = 2.0
"""The default of triton.probe_interval_ms."""


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


@on_virtual_time
async def test_what_a_crashed_model_left_behind_is_unloaded() -> None:
    triton, manager = made()
    triton.child_names = [f"{CHILD_PREFIX}tone-1f-flow", f"{CHILD_PREFIX}espeak-en-1f-flow"]
    triton.states |= dict.fromkeys(triton.child_names, "READY")
    await manager.ensure("tone")
    async with watching(manager):
        await asyncio.sleep(2 * PROBE_S)
    assert triton.count(f"unload {triton.child_names[0]}") == 0
    assert triton.count(f"unload {triton.child_names[1]}") >= 1


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
async def test_a_reload_gets_past_an_old_instance_that_still_streams() -> None:
    triton, manager = made(unload_s=1.5)
    await manager.ensure("tone")
    triton.failures["probe tone"] = [ModelUnavailable("stub process died", model="tone")]
    async with watching(manager):
        manager.suspect()
        await asyncio.sleep(4)
    assert triton.states["tone"] == "READY"


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
    assert told == ["waiting for Triton at unix:/run/vdx/t:8001"]
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
