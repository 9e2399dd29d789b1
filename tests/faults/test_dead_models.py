"""Model processes that are killed while several frontends use them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from tests.killing import kill_model_process
from tests.repetitions import Repetitions
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.config import TritonConfig
from vdx.core.errors import TritonError
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.manager import ModelManager
from vdx.serving.model_processes import model_processes
from vdx.serving.recovery import JITTER_S
from vdx.serving.triton import SynthesisRequest, TritonClient

MODEL = "tone-fast"
TEXT = "A sentence that is under way."
SLOW = "fault:slow"
"""Streams whose process mostly waits. One that is killed while it holds a lock on the memory it
shares with tritonserver 2.51 takes the server along (boost::lock_exception), so it is killed
between streams."""
SPEAKERS = 2


def stub(triton: EmbeddedTriton) -> int | None:
    """The process id of the model in this server, not in others on the machine."""
    return next(iter(model_processes({MODEL}, triton.pid)), None)


class Counting(TritonClient):
    """Counts what it loads."""

    loads = 0

    async def load(self, model: str) -> None:
        self.loads += 1
        await super().load(model)


@contextlib.asynccontextmanager
async def frontend(triton: EmbeddedTriton) -> AsyncIterator[ModelManager]:
    """What a frontend has of the models: a client, and a manager that watches."""
    async with Counting(TritonConfig(url=triton.grpc_url)) as client:
        manager = ModelManager(client)
        await manager.ensure(MODEL)
        watch = asyncio.create_task(manager.run())
        await asyncio.sleep(0.5)
        try:
            yield manager
            assert not watch.done(), watch
        finally:
            watch.cancel()
            await asyncio.wait({watch})


def loaded(*managers: ModelManager) -> int:
    """How many models they have loaded, all together."""
    return sum(client.loads for m in managers if isinstance(client := m._client, Counting))


async def speak(manager: ModelManager) -> TritonError | None:
    """One clause; the error it ended with."""
    try:
        async for _ in manager._client.synthesize(MODEL, SynthesisRequest(TEXT, speaker=SLOW)):
            pass
    except TritonError as error:
        manager.recovery.suspect(error.model)
        return error
    return None


async def speak_once(manager: ModelManager) -> None:
    """One clause without an error, however often it has to be tried."""
    while True:
        if await speak(manager) is None:
            return
        await asyncio.sleep(0.02)


async def speak_on(manager: ModelManager, may_speak: asyncio.Event) -> None:
    while True:
        await may_speak.wait()
        await speak(manager)
        await asyncio.sleep(0.02)


async def kill_idle(triton: EmbeddedTriton, *managers: ModelManager) -> int:
    """Kills the model's process when no stream is in flight; its process id."""
    # Streams tell nobody when they end.
    while any(m._client.streams.in_flight(MODEL) for m in managers):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    killed = stub(triton)
    assert killed is not None
    await asyncio.to_thread(kill_model_process, killed)
    return killed


async def test_a_killed_model_is_reloaded_once_by_all_its_frontends(
    triton: EmbeddedTriton, repetitions: Repetitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = triton.pid
    # Of two that draw nearly the same moment both reload, for nobody decides between them.
    monkeypatch.setattr(random, "uniform", lambda _, most: most)
    loop = asyncio.get_running_loop()
    async with frontend(triton) as first, frontend(triton) as second:
        first.recovery.jitter_s = 0.0
        may_speak = asyncio.Event()
        speakers = [
            asyncio.create_task(speak_on(manager, may_speak))
            for manager in (first, second)
            for _ in range(SPEAKERS)
        ]
        loads = loaded(first, second)
        for _ in range(repetitions(20)):
            may_speak.set()
            await asyncio.sleep(0.5)
            may_speak.clear()
            killed = await kill_idle(triton, first, second)
            began = loop.time()
            may_speak.set()
            await asyncio.sleep(0.05)
            for manager in (first, second):
                assert await manager.recovery.restored(MODEL, WAIT_LIMIT_S)
            reloaded = stub(triton)
            print(f"restored after {loop.time() - began:.2f} s")
            assert reloaded not in (None, killed)
            async with asyncio.timeout(WAIT_LIMIT_S):
                await asyncio.gather(speak_once(first), speak_once(second))
            await asyncio.sleep(JITTER_S + 0.5)  # one that reloads it again would do so by now
            assert stub(triton) == reloaded
            loads += 1
            assert loaded(first, second) == loads, "each death is one reload"
            assert triton.pid == pid, "Triton itself is as it was"
        for speaker in speakers:
            speaker.cancel()
        await asyncio.wait(speakers)
