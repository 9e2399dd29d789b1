"""Readiness as the last look at Triton told it."""

import asyncio
from typing import Any, cast

import pytest

from tests.unit.serving.fakes import FakeTriton
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.config import TritonConfig
from vdx.core.errors import TritonUnavailable
from vdx.serving.readiness import Readiness
from vdx.serving.triton_errors import from_rpc


def looked(**states: str) -> tuple[FakeTriton, Readiness]:
    config = TritonConfig(probe_interval_ms=100, probe_timeout_ms=50)
    triton = FakeTriton(dict.fromkeys(states, "tts"), config=config)
    triton.states = dict(states)
    return triton, Readiness(cast(Any, triton), lambda: list(states))


async def test_it_is_what_triton_says() -> None:
    triton, readiness = looked(voice="READY", asr="LOADING")
    assert readiness.problem == "loading"
    assert await readiness.check() == "models not ready: asr"
    triton.states["asr"] = "READY"
    assert await readiness.check() == ""
    triton.lost()
    assert "Triton" in await readiness.check()


async def test_a_model_that_triton_takes_for_ready_may_be_dead() -> None:
    triton, _ = looked(voice="READY", asr="READY")
    readiness = Readiness(cast(Any, triton), lambda: ["voice", "asr"], lambda name: name != "asr")
    assert await readiness.check() == "models not ready: asr"


async def test_a_server_that_hangs_is_a_problem_within_the_time_of_a_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    triton, readiness = looked(voice="READY")
    monkeypatch.setattr(triton, "index", asyncio.Event().wait)
    assert await readiness.check() == "Triton does not answer within 50 ms"


async def test_it_looks_again_when_something_is_suspected() -> None:
    triton, readiness = looked(voice="READY")
    watch = asyncio.create_task(readiness.run())
    async with asyncio.timeout(WAIT_LIMIT_S):
        while readiness.problem:  # noqa: ASYNC110  (it sets no event)
            await asyncio.sleep(0.01)
        triton.lost()
        readiness.suspect("Triton ended")
        assert readiness.problem == "Triton ended"
        triton.back()
        triton.states = {"voice": "READY"}
        while readiness.problem:  # noqa: ASYNC110  (it sets no event)
            await asyncio.sleep(0.01)
    watch.cancel()


async def test_a_listing_that_takes_too_long_means_no_server() -> None:
    import grpc

    error = grpc.aio.AioRpcError(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(),
        details="Deadline Exceeded",
    )
    assert isinstance(from_rpc(error, ""), TritonUnavailable)
