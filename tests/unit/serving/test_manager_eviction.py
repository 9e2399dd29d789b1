"""The model manager that owns its Triton: what it unloads by itself, on virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.unit.serving.fakes import FakeTriton, NoProcesses, watching
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import ModelManagerConfig
from vdx.core.errors import LoadRefused, ModelFailed, ModelTimeout, UnknownName
from vdx.serving.manager import ModelManager
from vdx.serving.models import ModelInfo

KINDS: dict[str, Any] = {f"voice-{n}": "tts" for n in range(5)} | {"whisper": "asr"}
HOUR_S = 3600.0


def owning(
    costs: dict[str, float] | None = None,
    warm_up: Callable[[ModelInfo], Any] | None = None,
    **config: Any,
) -> tuple[FakeTriton, ModelManager]:
    """A manager with the limits of `model_manager`; loading a model takes a second."""
    triton = FakeTriton(dict(KINDS))

    async def measure(model: str) -> float | None:
        return (costs or {}).get(model)

    async def warm(model: ModelInfo) -> None:
        triton.calls.append(f"warm {model.name}")
        if warm_up is not None:
            await warm_up(model)

    return triton, managing(triton, measure=measure, warm_up=warm, **config)


def managing(
    triton: FakeTriton, *, measure: Any = None, warm_up: Any = None, **config: Any
) -> ModelManager:
    """The owner of a Triton that may have had another one before."""
    given = {"measure": measure, "warm_up": warm_up}
    manager = ModelManager(
        cast(Any, triton),
        config=ModelManagerConfig(**config),
        owner=True,
        **{name: value for name, value in given.items() if value is not None},
    )
    manager.recovery.jitter_s = 0.0
    manager.recovery._processes = cast(Any, NoProcesses())
    return manager


def loaded(triton: FakeTriton) -> set[str]:
    return {name for name, state in triton.states.items() if state == "READY"}


@on_virtual_time
async def test_an_idle_voice_goes_and_one_with_a_session_stays() -> None:
    triton, manager = owning()
    async with watching(manager):
        for name in ("voice-0", "voice-1", "voice-2"):
            await manager.ensure(name, "tts")
        manager.residency.kept = {"voice-0": "the default voice"}
        manager.leases.take("s", "voice-1")
        for _ in range(200):
            assert manager.leases.renew("s")
            await asyncio.sleep(5)
        assert loaded(triton) == {"voice-0", "voice-1"}
        assert manager.info("voice-2") is None
        assert await manager.ensure("voice-2", "tts"), "it is loaded again on demand"


@on_virtual_time
async def test_leases_of_a_session_that_stopped_renewing_hold_nothing() -> None:
    triton, manager = owning(ttl_ms=0, min_residency_ms=0)
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        for session in range(100):
            manager.leases.take(f"s{session}", "voice-0")
        await asyncio.sleep(14)
        assert loaded(triton) == {"voice-0"}
        await asyncio.sleep(47)  # to the second check
        assert loaded(triton) == set()
        assert not manager.leases.renew("s1")


@on_virtual_time
async def test_a_lease_that_is_not_renewed_ends_when_it_is_due() -> None:
    _, manager = owning(evict_check_interval_ms=3_600_000, lease_expiry_ms=15_000)
    changes: list[set[tuple[str, str]]] = []
    labels = {"model": "voice-0", "server": ""}
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        await asyncio.sleep(4)
        for session in ("ends", "stays"):
            manager.leases.take(session, "voice-0")
        manager.leases.changed = lambda: changes.append(manager.residency.all_leases())
        for seconds, leases in ((5, 2), (5, 2), (4.8, 2), (0.2, 1), (20, 0)):
            await asyncio.sleep(seconds)
            if leases == 2:
                manager.leases.renew("stays")
            assert REGISTRY.get_sample_value("vdx_model_leases", labels) == leases
        assert changes == [{("stays", "voice-0")}, set()]


@on_virtual_time
async def test_a_list_of_models_counts_no_lease_that_is_over() -> None:
    _, manager = owning()
    await manager.ensure("voice-0", "tts")
    manager.leases.take("s", "voice-0")
    for seconds, leases in ((14, 1), (1.1, 0)):
        await asyncio.sleep(seconds)
        statuses = {each.name: each.residency for each in await manager.statuses()}
        residency = statuses["voice-0"]
        assert residency is not None
        assert residency.leases == leases


@on_virtual_time
async def test_the_least_recently_used_voice_gives_way_before_the_other_is_loaded() -> None:
    triton, manager = owning()
    for name in ("voice-0", "voice-1", "voice-2"):
        await manager.ensure(name, "tts")
    await manager.ensure("voice-0")
    await manager.ensure("whisper", "asr")
    triton.calls.clear()
    await manager.ensure("voice-3", "tts")
    assert triton.calls[:2] == ["unload voice-1", "load voice-3"]
    assert loaded(triton) == {"voice-0", "voice-2", "voice-3", "whisper"}


@on_virtual_time
async def test_with_every_voice_in_use_a_load_is_refused_and_nothing_is_unloaded() -> None:
    triton, manager = owning()
    for name in ("voice-0", "voice-1", "voice-2"):
        await manager.ensure(name, "tts")
        manager.leases.take("s", name)
    with pytest.raises(LoadRefused, match=r"resident_cap is 3: voice-0 \(leased by 1 session\)"):
        await manager.ensure("voice-3", "tts")
    assert loaded(triton) == {"voice-0", "voice-1", "voice-2"}
    manager.leases.release("s", "voice-1")
    await manager.ensure("voice-3", "tts")
    assert "voice-1" not in loaded(triton)


@on_virtual_time
async def test_a_voice_whose_kind_was_not_known_counts_once_it_is_loaded() -> None:
    triton, manager = owning(resident_cap=1)
    await manager.ensure("voice-0")
    await manager.ensure("voice-1")
    assert loaded(triton) == {"voice-1"}


@on_virtual_time
async def test_a_model_that_is_too_large_is_unloaded_again() -> None:
    triton, manager = owning({"voice-0": 400, "voice-1": 700, "voice-2": 300}, memory_limit_mb=1000)
    manager.residency.kept = {"voice-0": "the default voice"}
    await manager.ensure("voice-0", "tts")
    with pytest.raises(LoadRefused, match="voice-1 takes 700 MB, 400 MB are taken"):
        await manager.ensure("voice-1", "tts")
    assert loaded(triton) == {"voice-0"}
    triton.calls.clear()
    with pytest.raises(LoadRefused):
        await manager.ensure("voice-1", "tts")
    assert triton.calls == [], "what it costs is known"
    await manager.ensure("voice-2", "tts")
    told = {status.name: status.residency for status in await manager.statuses()}
    assert told["voice-1"] is None
    assert (residency := told["voice-2"]) is not None
    assert (residency.phase, residency.memory_mb, residency.why) == ("resident", 300, "not used")


@on_virtual_time
async def test_a_model_is_used_once_before_anybody_gets_it() -> None:
    triton, manager = owning()
    await manager.ensure("voice-0")
    assert triton.calls == ["load voice-0", "describe voice-0", "warm voice-0"]


@on_virtual_time
async def test_a_model_that_fails_its_first_request_is_not_loaded() -> None:
    async def fails(model: ModelInfo) -> None:
        raise ModelFailed("no such tensor", model=model.name)

    triton, manager = owning(warm_up=fails)
    with pytest.raises(ModelFailed, match="no such tensor"):
        await manager.ensure("voice-0")
    assert loaded(triton) == set()
    assert manager.wanted == set()
    assert manager.residency.models == ()


@on_virtual_time
async def test_one_asked_to_go_when_free_goes_after_its_last_session() -> None:
    triton, manager = owning()
    await manager.ensure("voice-0")
    manager.leases.take("s", "voice-0")
    async with watching(manager):
        assert not await manager.unload_when_free("voice-0")
        manager.leases.release("s", "voice-0")
        await asyncio.sleep(31)
        assert loaded(triton) == set()
    await manager.ensure("voice-1")
    assert await manager.unload_when_free("voice-1")
    assert await manager.unload_when_free("voice-1"), "it is not loaded"
    with pytest.raises(UnknownName):
        await manager.unload_when_free("nobody")


@on_virtual_time
async def test_a_stream_in_flight_keeps_a_voice_that_no_session_leases() -> None:
    triton, manager = owning(ttl_ms=0, min_residency_ms=0)
    await manager.ensure("voice-0", "tts")
    stream = triton.streams.open(lambda: None, "voice-0")
    await manager.evict_idle()
    assert loaded(triton) == {"voice-0"}
    triton.streams._open["voice-0"].discard(stream)
    await asyncio.sleep(1)
    await manager.evict_idle()
    assert loaded(triton) == set()


@on_virtual_time
async def test_a_load_given_up_in_the_queue_holds_no_place() -> None:
    triton, manager = owning(resident_cap=2)
    triton.load_s = 100
    first = asyncio.create_task(manager.ensure("voice-0", "tts"))
    await asyncio.sleep(1)
    second = asyncio.create_task(manager.ensure("voice-1", "tts"))
    await asyncio.sleep(1)
    told = {status.name: status.residency for status in await manager.statuses()}
    assert (residency := told["voice-1"]) is not None
    assert (residency.phase, residency.phase_s) == ("waiting", 1.0)
    second.cancel()
    await asyncio.wait({second})
    third = asyncio.create_task(manager.ensure("voice-2", "tts"))
    await asyncio.gather(first, third)
    assert loaded(triton) == {"voice-0", "voice-2"}


@on_virtual_time
async def test_what_another_client_loaded_is_counted_and_left_alone() -> None:
    triton, manager = owning(resident_cap=1)
    triton.states["voice-0"] = "READY"
    async with watching(manager):
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == {"voice-0"}
        with pytest.raises(LoadRefused, match=r"voice-0 \(loaded by another client"):
            await manager.ensure("voice-1", "tts")
        triton.states["voice-0"] = "UNAVAILABLE"
        await asyncio.sleep(3)
        assert await manager.ensure("voice-1", "tts")
        assert triton.count("load voice-0") == 0


@on_virtual_time
async def test_what_was_resident_is_loaded_again_after_the_server_was_lost() -> None:
    triton, manager = owning()
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        triton.lost()
        await asyncio.sleep(3)
        triton.back()
        await asyncio.sleep(10)
        assert loaded(triton) == {"voice-0"}
        assert manager.wanted == {"voice-0"}


@on_virtual_time
async def test_a_reload_loads_what_changed() -> None:
    triton, manager = owning()
    await manager.ensure("voice-0")
    triton.calls.clear()
    await manager.reload("voice-0")
    assert triton.calls[:2] == ["unload voice-0", "load voice-0"]


@on_virtual_time
async def test_a_time_to_live_below_the_minimum_is_told() -> None:
    with capture_logs() as logs:
        owning(ttl_ms=1000)
    assert "shorter than min_residency_ms" in logs[0]["event"]


# --- what is interrupted or fails half way ------------------------------------------------------


@on_virtual_time
async def test_a_load_that_was_given_up_and_ends_later_goes_when_idle() -> None:
    triton, manager = owning(resident_cap=1)
    async with watching(manager):
        asked = asyncio.create_task(manager.ensure("voice-0", "tts"))
        await asyncio.sleep(0.5)
        asked.cancel()
        await asyncio.wait({asked})
        triton.states["voice-0"] = "READY"  # Triton ends what it has begun
        await asyncio.sleep(3)
        told = {status.name: status.residency for status in await manager.statuses()}
        assert (residency := told["voice-0"]) is not None
        assert residency.why == "not used"
        assert await manager.ensure("voice-1", "tts"), "it gives way"
        assert loaded(triton) == {"voice-1"}


@on_virtual_time
async def test_a_model_that_loads_for_ever_holds_no_place_and_goes_once_it_is_there() -> None:
    triton, manager = owning(resident_cap=1)
    triton.failures["load voice-0"] = [ModelTimeout("not loaded in 120 s", model="voice-0")]
    async with watching(manager):
        with pytest.raises(ModelTimeout):
            await manager.ensure("voice-0", "tts")
        triton.states["voice-0"] = "LOADING"
        assert await manager.ensure("voice-1", "tts")
        triton.states["voice-0"] = "READY"
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == set()


@on_virtual_time
async def test_a_model_whose_unload_failed_is_unloaded_later() -> None:
    triton, manager = owning()
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        triton.failures["unload voice-0"] = [ModelFailed("busy", model="voice-0")]
        await asyncio.sleep(2 * HOUR_S)
        assert triton.count("unload voice-0") == 2
        assert loaded(triton) == set()


@on_virtual_time
async def test_a_model_in_use_whose_unload_failed_is_unloaded_later() -> None:
    triton, manager = owning()
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        stream = triton.streams.open(lambda: None, "voice-0")
        triton.streams.fail = cast(Any, lambda *_: triton.streams._open["voice-0"].discard(stream))
        triton.failures["unload voice-0"] = [ModelFailed("busy", model="voice-0")]
        with pytest.raises(ModelFailed):
            await manager.unload("voice-0")
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == set()


@on_virtual_time
async def test_evictions_for_a_load_that_is_given_up_lose_no_model() -> None:
    costs = {"voice-0": 400.0, "voice-1": 500.0, "voice-2": 900.0}
    triton, manager = owning(costs, memory_limit_mb=1000)
    async with watching(manager):
        await manager.ensure("voice-2", "tts")
        await manager.unload("voice-2")  # what it costs is known now
        await manager.ensure("voice-0", "tts")
        await manager.ensure("voice-1", "tts")
        triton.hold_unload = asyncio.Event()
        asked = asyncio.create_task(manager.ensure("voice-2", "tts"))
        await asyncio.sleep(0.1)
        assert not manager.wanted, "both have to go"
        asked.cancel()
        await asyncio.wait({asked})
        triton.hold_unload = None
        await asyncio.sleep(3)
        assert {each.name for each in manager.residency.models} == {"voice-0", "voice-1"}
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == set()


@on_virtual_time
async def test_an_unload_that_is_given_up_loses_no_model() -> None:
    triton, manager = owning()
    async with watching(manager):
        await manager.ensure("voice-0", "tts")
        async with manager.lock("voice-0"):
            asked = asyncio.create_task(manager.unload("voice-0"))
            await asyncio.sleep(0.1)
            asked.cancel()
            await asyncio.wait({asked})
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == set()


@on_virtual_time
async def test_the_others_get_a_model_whose_first_requester_gave_up() -> None:
    triton, manager = owning()
    first = asyncio.create_task(manager.ensure("voice-0", "tts"))
    others = [asyncio.create_task(manager.ensure("voice-0", "tts")) for _ in range(3)]
    await asyncio.sleep(0.5)
    first.cancel()
    infos = await asyncio.gather(*others)
    assert {info.name for info in infos} == {"voice-0"}
    assert loaded(triton) == manager.wanted == {"voice-0"}


@on_virtual_time
async def test_a_load_while_the_model_is_unloaded_ends_with_it_loaded() -> None:
    triton, manager = owning()
    await manager.ensure("voice-0", "tts")
    triton.hold_unload = asyncio.Event()
    unloading = asyncio.create_task(manager.unload("voice-0"))
    await asyncio.sleep(0.1)
    loading = asyncio.create_task(manager.ensure("voice-0", "tts"))
    await asyncio.sleep(0.1)
    triton.hold_unload.set()
    await asyncio.gather(unloading, loading)
    assert loaded(triton) == manager.wanted == {"voice-0"}


@on_virtual_time
async def test_what_a_killed_manager_was_loading_is_the_next_ones_once_it_is_leased() -> None:
    triton, _ = owning()
    triton.states["voice-0"] = "LOADING"
    manager = managing(triton)
    async with watching(manager):
        manager.leases.take("s", "voice-0")  # frontends lease again what their sessions use
        triton.states["voice-0"] = "READY"
        for _ in range(200):
            await asyncio.sleep(5)
            assert manager.leases.renew("s")
        assert loaded(triton) == {"voice-0"}
        assert manager.leases.release("s", "voice-0")
        assert not manager.leases.release("s", "voice-0")
        await asyncio.sleep(HOUR_S)
        assert loaded(triton) == set()
