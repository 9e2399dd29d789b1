"""The model manager watching: models that fail and servers that go away, on virtual time."""

import asyncio
from collections.abc import Collection
from typing import Any, cast

import grpc
import pytest

from tests.unit.serving.fakes import FakeTriton, made, managing, watching
from tests.unit.virtual_time import on_virtual_time
from vdx.core.errors import (
    ModelBusy,
    ModelDied,
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.serving import recovery
from vdx.serving.child_models import CHILD_PREFIX
from vdx.serving.recovery import AWAY_S, DRAIN_S, FAILED_PROBES

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
        triton.dead["tone"] = error("hung", model="tone")
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
    triton.dead["tone"] = ModelDied("stub process died", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(triton.load_s + 0.5)
        assert triton.states["tone"] == "READY"
    assert (triton.count("unload tone"), triton.count("unload espeak-en")) == (1, 0)


@on_virtual_time
async def test_a_reload_gets_past_an_old_instance_that_still_streams() -> None:
    triton, manager = made(unload_s=1.5)
    await manager.ensure("tone")
    triton.dead["tone"] = ModelDied("stub process died", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(4)
    assert triton.states["tone"] == "READY"


@on_virtual_time
async def test_a_hung_stream_does_not_hold_up_a_reload_for_ever() -> None:
    triton, manager = made(unload_s=1000.0)
    await manager.ensure("tone")
    triton.dead["tone"] = ModelDied("stub process died", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(10)
        assert triton.count("load tone") >= 2
        await asyncio.wait_for(manager.ensure("espeak-en"), 5)


@on_virtual_time
async def test_a_reload_that_failed_is_tried_again() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    triton.dead["tone"] = ModelDied("gone", model="tone")
    triton.failures["load tone"] = [ModelFailed("no memory", model="tone")] * 3
    async with watching(manager):
        await asyncio.sleep(8 * PROBE_S)
    assert triton.states["tone"] == "READY"
    assert triton.count("load tone") == 5


@on_virtual_time
async def test_an_unload_during_a_reload_wins() -> None:
    triton, manager = made(load_s=2.0)
    await manager.ensure("tone")
    triton.dead["tone"] = ModelDied("gone", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
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
    triton.dead["tone"] = ModelDied("gone", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(1)
        await asyncio.wait_for(manager.ensure("espeak-en"), 1)
    assert manager.wanted == {"tone", "espeak-en"}


@on_virtual_time
async def test_a_suspicion_is_looked_into_at_once_even_during_a_look() -> None:
    triton, manager = made(load_s=1.0)
    await manager.ensure("tone")
    triton.dead["tone"] = ModelDied("gone", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(0.5)  # the reload is under way
        manager.recovery.suspect()
        await asyncio.sleep(0.6)
        # At the start of the watch, before the reload, and after it.
        assert triton.count("probe tone") == 3


# --- streams in flight --------------------------------------------------------------------------


class Call:
    """A gRPC call that ends when it is cancelled, and otherwise never answers."""

    def __init__(self, answers_s: float = 0.0) -> None:
        self.over = asyncio.Event()
        self.answers_s = answers_s

    async def read(self) -> object:
        if not self.answers_s:
            await self.over.wait()
            return grpc.aio.EOF
        await asyncio.sleep(self.answers_s)
        return "something"

    async def write(self, message: object) -> None:
        """Takes it."""

    async def done_writing(self) -> None:
        """Takes it."""

    def cancel(self) -> None:
        self.over.set()


async def use(triton: FakeTriton, answers_s: float = 0.0) -> TritonError:
    """Reads one stream of the model until the manager ends it; returns why."""
    stream = triton.streams.open(lambda: Call(answers_s), "tone")
    try:
        while True:
            await stream.read()
    except TritonError as error:
        return error
    finally:
        triton.streams.drain(stream, timeout_s=0.05)


@on_virtual_time
async def test_a_model_whose_streams_answer_is_alive_whatever_its_probe_says() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    triton.probe_s = 0.5
    triton.dead["tone"] = ModelTimeout("busy", model="tone")
    user = asyncio.create_task(use(triton, answers_s=0.2))
    async with watching(manager):
        await asyncio.sleep(10 * PROBE_S)
    assert triton.count("unload tone") == 0
    triton.streams.fail("tone", ModelFailed("test is over"))
    await user
    await asyncio.sleep(1)


class SlowLook:
    """Processes of models; looking for one takes 50 ms, and one is there while it is loaded."""

    def __init__(self, triton: FakeTriton) -> None:
        self.triton = triton

    async def follow(self, models: Collection[str]) -> None:
        """Tells of none that ends."""

    async def gone(self, model: str) -> bool:
        await asyncio.sleep(0.05)
        return model in self.triton.dead or self.triton.states[model] != "READY"

    def close(self) -> None:
        """Follows none."""


@pytest.mark.parametrize("during_a_probe", [False, True])
def test_a_process_that_ended_is_not_waited_for(during_a_probe: bool) -> None:
    """Triton does not always tell a probe of it; the probe would wait for its time-out."""

    @on_virtual_time
    async def watched() -> None:
        triton, manager = made()
        manager.recovery._processes = cast(Any, SlowLook(triton))
        await manager.ensure("tone")
        user = asyncio.create_task(use(triton))
        async with watching(manager):
            await asyncio.sleep(0.1)
            triton.probe_s = 1.5
            triton.dead["tone"] = ModelTimeout("no answer", model="tone")
            if during_a_probe:
                manager.recovery.suspect("tone")
                await asyncio.sleep(0.1)
            began = asyncio.get_running_loop().time()
            manager.recovery._process_ended("tone")
            assert isinstance(await user, ModelDied)
            assert asyncio.get_running_loop().time() - began < 0.5
            await asyncio.sleep(3)

    watched()


@on_virtual_time
async def test_where_triton_itself_ended_no_model_is_reloaded() -> None:
    triton, manager = made()
    manager.recovery._processes = cast(Any, SlowLook(triton))
    await manager.ensure("tone")
    async with watching(manager):
        await asyncio.sleep(0.1)
        triton.lost()
        manager.recovery._process_ended("tone")
        await asyncio.sleep(0.2)
        assert manager.recovery.alive("tone")
    assert triton.count("unload tone") == 0


@on_virtual_time
async def test_nothing_is_unloaded_with_streams_in_flight() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    in_flight: list[int] = []
    triton.on_unload = lambda name: in_flight.append(triton.streams.in_flight(name))
    users = [asyncio.create_task(use(triton)) for _ in range(3)]
    await asyncio.sleep(0)
    async with watching(manager):
        began = asyncio.get_running_loop().time()
        triton.dead["tone"] = died = ModelDied("stub process died", model="tone")
        manager.recovery.suspect("tone")
        assert [await user for user in users] == [died] * 3
        assert asyncio.get_running_loop().time() - began < 0.1, "told at once"
        await asyncio.sleep(3)
    assert in_flight == [0]


@on_virtual_time
async def test_streams_of_a_hung_model_are_given_time_and_then_ended() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    hung = ModelTimeout("hung", model="tone")
    user = asyncio.create_task(use(triton))
    async with watching(manager):
        await asyncio.sleep(0.1)
        triton.dead["tone"] = hung
        await asyncio.sleep(FAILED_PROBES * PROBE_S + DRAIN_S / 2)
        assert not user.done()
        await asyncio.sleep(DRAIN_S + triton.load_s + 1)
        assert await user is hung
        assert triton.states["tone"] == "READY"
    assert triton.count("unload tone") == 1


@on_virtual_time
async def test_a_model_takes_no_streams_while_it_is_reloaded() -> None:
    triton, manager = made()
    await manager.ensure("tone")
    async with watching(manager):
        triton.dead["tone"] = ModelDied("gone", model="tone")
        manager.recovery.suspect("tone")
        await asyncio.sleep(triton.load_s / 2)
        with pytest.raises(ModelUnavailable, match="being loaded or unloaded"):
            triton.streams.open(Call, "tone")
        began = asyncio.get_running_loop().time()
        assert (await manager.ensure("tone")).name == "tone", "whoever needs it waits"
        assert asyncio.get_running_loop().time() - began == pytest.approx(triton.load_s / 2)
        triton.streams.drain(triton.streams.open(Call, "tone"), timeout_s=0.05)
    await asyncio.sleep(1)


@pytest.mark.parametrize("beside", [False, True])
@on_virtual_time
async def test_models_of_a_server_that_comes_back_are_loaded_at_once_and_together(
    beside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one where people talk with other servers: each load takes a core."""
    monkeypatch.setattr(recovery.os, "cpu_count", lambda: 2)
    triton, manager = made(load_s=5.0)
    manager.recovery.serve_beside = lambda: beside
    names = ("pocketsphinx-en", "tone")
    for name in names:
        await manager.ensure(name)
    triton.most_loading = 0
    async with watching(manager):
        await asyncio.sleep(1)
        triton.lost()
        await asyncio.sleep(3 * PROBE_S)
        triton.back()
        await asyncio.sleep(AWAY_S + (2 if beside else 1) * triton.load_s + 0.1)
        assert [triton.states[name] for name in names] == ["READY", "READY"]
    assert triton.most_loading == (1 if beside else 2)


@on_virtual_time
async def test_who_waits_for_a_model_of_a_server_that_is_gone_waits_for_the_server() -> None:
    triton, manager = made(load_s=1.0)
    await manager.ensure("tone")
    clock = asyncio.get_running_loop().time
    async with watching(manager):
        await asyncio.sleep(1)
        triton.lost()
        began = clock()
        assert not await manager.recovery.restored("tone", 2.0)
        assert clock() - began == pytest.approx(2.0)
        assert not manager.recovery.answers("tone")
        restored = asyncio.create_task(manager.recovery.restored("tone", 30))
        await asyncio.sleep(3.0)
        assert not restored.done()
        triton.back()
        assert await restored
        assert triton.states["tone"] == "READY"
        assert clock() - began == pytest.approx(5.0 + triton.load_s, abs=2 * AWAY_S)
        assert manager.recovery.answers("tone")


@on_virtual_time
async def test_models_that_die_by_themselves_are_loaded_one_after_the_other() -> None:
    triton, manager = made(load_s=2.0)
    names = ("pocketsphinx-en", "tone")
    for name in names:
        await manager.ensure(name)
    triton.most_loading = 0
    async with watching(manager):
        for name in names:
            triton.dead[name] = ModelDied("gone", model=name)
            manager.recovery.suspect(name)
        restored = [manager.recovery.restored(name, 30) for name in names]
        assert await asyncio.gather(*restored) == [True, True]
    assert triton.most_loading == 1


# --- several frontends --------------------------------------------------------------------------


@pytest.mark.parametrize("load_s", [0.2, 5.0])
def test_of_several_frontends_one_reloads(load_s: float) -> None:
    @on_virtual_time
    async def watched() -> None:
        triton, first = made(load_s=load_s)
        others = [managing(triton, jitter_s=1.0) for _ in range(3)]
        managers = [first, *others]
        for manager in managers:
            await manager.ensure("tone")
        async with watching(first), watching(others[0]), watching(others[1]), watching(others[2]):
            triton.dead["tone"] = ModelDied("gone", model="tone")
            for manager in managers:
                manager.recovery.suspect("tone")
            restored = [manager.recovery.restored("tone", 30) for manager in managers]
            assert await asyncio.gather(*restored) == [True] * 4
        assert (triton.count("unload tone"), triton.count("load tone")) == (1, 2)

    watched()


@pytest.mark.parametrize("later_s", [0.01, 0.03, 0.045, 0.06, 0.2, 0.5])
def test_a_model_replaced_while_it_is_looked_at_is_not_replaced_again(
    later_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery.random, "uniform", lambda least, most: most)

    @on_virtual_time
    async def watched() -> None:
        triton, first = made(load_s=0.3, unload_s=0.02)
        second = managing(triton, jitter_s=later_s)
        for manager in (first, second):
            manager.recovery._processes = cast(Any, SlowLook(triton))
            await manager.ensure("tone")
        async with watching(first), watching(second):
            triton.dead["tone"] = ModelDied("gone", model="tone")
            for manager in (first, second):
                manager.recovery.suspect("tone")
            restored = [manager.recovery.restored("tone", 30) for manager in (first, second)]
            assert await asyncio.gather(*restored) == [True] * 2
            await asyncio.sleep(3 * PROBE_S)
        assert (triton.count("unload tone"), triton.count("load tone")) == (1, 2)

    watched()


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
        await asyncio.sleep(6)  # one after the other, as max_parallel_loads says
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
    triton.dead["tone"] = ModelDied("gone", model="tone")
    async with watching(manager):
        manager.recovery.suspect()
        await asyncio.sleep(1)
        triton.lost()
        await asyncio.sleep(10)
        triton.back()
        await asyncio.sleep(2 * PROBE_S + 3)
        assert triton.states["tone"] == "READY"
