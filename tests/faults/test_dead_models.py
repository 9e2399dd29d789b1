"""Model processes that are killed while several frontends use them."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from frontend.core.config import TritonConfig
from frontend.core.errors import TritonError
from frontend.serving.embedded import EmbeddedTriton
from frontend.serving.manager import ModelManager
from frontend.serving.processes import model_processes
from frontend.serving.recovery import JITTER_S
from frontend.serving.triton import SynthesisRequest, TritonClient
from tests.repetitions import Repetitions
from tests.server.processes import PATIENCE_S

MODEL = "tone-fast"
TEXT = "A sentence that is under way."
SLOW = "fault:slow"
"""Streams in flight whose process mostly waits. One that is killed while it holds a lock on the
memory it shares with tritonserver 2.51 takes the server along (boost::lock_exception)."""
SPEAKERS = 2


def stub(triton: EmbeddedTriton) -> int | None:
    """The process id of the model in this server, not in others on the machine."""
    for pid in model_processes({MODEL}):
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{pid}/stat").read_text()
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            if parent == triton.pid:
                return pid
    return None


@contextlib.asynccontextmanager
async def frontend(triton: EmbeddedTriton) -> AsyncIterator[ModelManager]:
    """What a frontend has of the models: a client, and a manager that watches."""
    async with TritonClient(TritonConfig(url=triton.grpc_url)) as client:
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


async def speak_on(manager: ModelManager) -> None:
    while True:
        await speak(manager)
        await asyncio.sleep(0.02)


async def test_a_killed_model_is_reloaded_once_by_all_its_frontends(
    triton: EmbeddedTriton, repetitions: Repetitions
) -> None:
    pid = triton.pid
    loop = asyncio.get_running_loop()
    async with frontend(triton) as first, frontend(triton) as second:
        speakers = [
            asyncio.create_task(speak_on(manager))
            for manager in (first, second)
            for _ in range(SPEAKERS)
        ]
        for _ in range(repetitions(20)):
            await asyncio.sleep(0.5)
            killed = stub(triton)
            assert killed is not None
            began = loop.time()
            os.kill(killed, signal.SIGKILL)
            await asyncio.sleep(0.05)
            for manager in (first, second):
                assert await manager.recovery.restored(MODEL, PATIENCE_S)
            reloaded = stub(triton)
            print(f"restored after {loop.time() - began:.2f} s")
            assert reloaded not in (None, killed)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(speak_once(first), speak_once(second))
            await asyncio.sleep(JITTER_S + 0.5)  # one that reloads it again would do so by now
            assert stub(triton) == reloaded, "reloaded more than once"
            assert triton.pid == pid, "Triton itself is as it was"
        for speaker in speakers:
            speaker.cancel()
        await asyncio.wait(speakers)
