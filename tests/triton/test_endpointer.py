"""Endpointers in a real Triton: the contract, and faults of the model behind it."""

import asyncio
import os
import signal
import time

import numpy as np
import pytest

from tests.triton.typed import Connect
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import ModelFailed, ModelTimeout, ModelUnavailable, TritonError
from vdx.serving.manager import ModelManager
from vdx.serving.model_processes import model_processes
from vdx.serving.triton import TritonClient

LOUD = np.random.default_rng(0).normal(0, 3000, 32_000).astype("<i2").tobytes()
PATIENT_MS = 20_000


@pytest.fixture
def client(connect: Connect) -> TritonClient:
    return connect()


async def test_an_endpointer_judges_a_turn(client: TritonClient) -> None:
    await client.load("turn-level")
    info = await client.describe("turn-level")
    assert (info.kind, info.family) == ("endpointer", "smart_turn")
    await client.probe(info)
    going_on = await client.judge("turn-level", LOUD, PATIENT_MS)
    silence = bytes(32_000)
    assert await client.judge("turn-level", LOUD + silence, PATIENT_MS) > going_on
    longer = await client.judge("turn-level", LOUD * 8, PATIENT_MS)
    assert longer == await client.judge("turn-level", (LOUD * 8)[-256_000:], PATIENT_MS)


async def test_as_a_child_it_judges_the_same(client: TritonClient) -> None:
    await client.load("turn-child")
    assert await client.judge("turn-child", LOUD, PATIENT_MS) == pytest.approx(0.99)
    assert [name for name in await client.children() if "turn-child" in name]


async def test_nan_is_no_answer(client: TritonClient) -> None:
    with pytest.raises(TritonError, match="turn-nan"):
        await client.load("turn-nan")  # it is tried when it is loaded


async def test_too_much_audio_is_refused(client: TritonClient) -> None:
    await client.load("turn-level")
    with pytest.raises(TritonError, match="more than 30 s"):
        await client.judge("turn-level", bytes(32_000 * 31), PATIENT_MS)


async def test_one_that_is_not_loaded_is_unavailable(client: TritonClient) -> None:
    await client.load("turn-spare")
    assert await client.judge("turn-spare", LOUD, PATIENT_MS) == pytest.approx(0.01)
    await client.unload("turn-spare")
    with pytest.raises((ModelUnavailable, ModelFailed)):
        await client.judge("turn-spare", LOUD, PATIENT_MS)


async def test_one_that_hangs_costs_no_more_than_the_wait(client: TritonClient) -> None:
    await client.load("turn-fragile")
    (process,) = model_processes({"turn-fragile"})
    os.kill(process, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(ModelTimeout, match="turn-fragile gave no answer in 250 ms"):
            await client.judge("turn-fragile", LOUD, 250)
        assert time.monotonic() - began < WAIT_LIMIT_S
    finally:
        os.kill(process, signal.SIGCONT)
    assert await client.judge("turn-fragile", LOUD, PATIENT_MS) == pytest.approx(0.99)


async def test_one_that_died_is_loaded_again(client: TritonClient) -> None:
    manager = ModelManager(client)
    watching = asyncio.create_task(manager.run())
    try:
        await manager.ensure("turn-fragile", "endpointer")
        (process,) = model_processes({"turn-fragile"})
        os.kill(process, signal.SIGKILL)
        with pytest.raises(TritonError):
            await client.judge("turn-fragile", LOUD, 2000)
        assert await manager.recovery.restored("turn-fragile", WAIT_LIMIT_S)
        assert await client.judge("turn-fragile", LOUD, PATIENT_MS) == pytest.approx(0.99)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
