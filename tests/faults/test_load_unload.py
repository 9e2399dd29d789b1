"""Models that are unloaded and loaded again, at once and with work under way, under load."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

import psutil
import pytest

from tests.repetitions import Repetitions, bound
from vdx.bench.scrape import fetch, parse
from vdx.core.config import TritonConfig
from vdx.core.errors import ModelUnavailable
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import RecognitionStream, SynthesisRequest, TritonClient

TEXT = "A clause that is spoken in a good many chunks."
STREAMS = 3
REST_S = 0.1
"""Of each worker aside, which leaves the processes that are loaded a part of the machine."""
ASIDE = ("tone", "canned")
"""Stay loaded and are at work all the while."""
VOICES = ("tone-spare", "espeak")
RECOGNISER = "canned-stop"
FLAT = 1.05
"""Growth of tritonserver from the second fifth of a full run to its last."""
MOST_INSTANCES = 8
"""Of one model that may be met at the metrics endpoint; each lives on while its streams do."""


@pytest.fixture
async def client(triton: EmbeddedTriton) -> AsyncIterator[TritonClient]:
    patient = dict.fromkeys(("first_response_timeout_ms", "next_response_timeout_ms"), 60_000)
    async with TritonClient(TritonConfig(url=triton.grpc_url, **patient)) as opened:
        yield opened


async def speak(client: TritonClient, model: str, text: str = TEXT) -> int:
    """Milliseconds of sound."""
    chunks = [chunk async for chunk in client.synthesize(model, SynthesisRequest(text))]
    return sum(20 * len(chunk.audio) for chunk in chunks)


async def hear(client: TritonClient, model: str) -> None:
    """One utterance of half a second."""
    async with client.recognise(model) as stream, asyncio.TaskGroup() as group:
        group.create_task(read(stream))
        for _ in range(8):
            await stream.send(bytes(1920))
            await asyncio.sleep(0.01)
        await stream.send(b"", end=True)


async def read(stream: RecognitionStream) -> None:
    async for _ in stream:
        pass


async def work_aside(client: TritonClient) -> None:
    while True:
        await speak(client, "tone")
        await hear(client, "canned")
        await asyncio.sleep(REST_S)


async def voice_rounds(client: TritonClient, model: str, rounds: int) -> None:
    """Loads and unloads: after a request, and with requests in flight, by turns."""
    for number in range(rounds):
        await client.load(model)
        if number % 2:
            assert await speak(client, model)
            await client.unload(model)
            continue
        speaking = [asyncio.create_task(speak(client, model)) for _ in range(STREAMS)]
        await asyncio.sleep(0.02)
        await client.unload(model)
        # Every other time the next process begins while the last one still speaks.
        if number % 4 == 0:
            await client.load(model)
        for ended in await asyncio.gather(*speaking, return_exceptions=True):
            # A request that came after the unload is refused, and nothing else happens.
            assert isinstance(ended, int | ModelUnavailable), ended


async def recogniser_rounds(client: TritonClient, model: str, rounds: int) -> None:
    """Loads and unloads: after an utterance, and in the middle of some, by turns."""
    for number in range(rounds):
        await client.load(model)
        hearing = [asyncio.create_task(hear(client, model)) for _ in range(STREAMS)]
        await asyncio.wait(hearing, timeout=0.05 if number % 2 else None)
        await client.unload(model)
        for ended in await asyncio.gather(*hearing, return_exceptions=True):
            if ended is not None:
                # Whoever was still speaking is told so, and nothing else happens.
                assert number % 2
                assert isinstance(ended, ExceptionGroup), ended
                assert not ended.split(ModelUnavailable)[1], ended


async def watched(triton: EmbeddedTriton, sizes: list[int]) -> None:
    """Resident bytes of tritonserver itself, all the while."""
    assert triton.pid is not None
    process = psutil.Process(triton.pid)
    while True:
        sizes.append(process.memory_info().rss)
        await asyncio.sleep(0.25)


async def alongside(work: Callable[[], Awaitable[None]], rounds: Awaitable[object]) -> None:
    """Does the rounds while STREAMS workers repeat `work`, none of which may fail."""
    workers = [asyncio.ensure_future(work()) for _ in range(STREAMS)]
    doing = asyncio.ensure_future(rounds)
    await asyncio.wait([doing, *workers], return_when=asyncio.FIRST_COMPLETED)
    for task in (doing, *workers):
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(doing, *workers, return_exceptions=True)


def instances(triton: EmbeddedTriton, model: str) -> set[str]:
    labels = [dict(labels) for _, labels in parse(fetch(triton.metrics_url)).samples]
    return {
        each["instance"] for each in labels if each.get("model") == model and "instance" in each
    }


async def test_models_that_come_and_go_leave_triton_alive(
    triton: EmbeddedTriton, client: TritonClient, repetitions: Repetitions
) -> None:
    pid = triton.pid
    each = repetitions(300, share=25) // 3
    for model in ASIDE:
        await client.load(model)
    rounds = asyncio.gather(
        *(voice_rounds(client, model, each) for model in VOICES),
        recogniser_rounds(client, RECOGNISER, each),
    )
    sizes: list[int] = []
    watching = asyncio.create_task(watched(triton, sizes))
    try:
        await alongside(lambda: work_aside(client), rounds)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        assert triton.pid == pid, triton.log_file.read_text()[-4000:]
    fifth = len(sizes) // 5
    early, late = median(sizes[fifth : 2 * fifth]), median(sizes[-fifth:])
    print(f"tritonserver: {early / 2**20:.0f} MiB, at the end {late / 2**20:.0f} MiB")
    # A short run ends before the caches of the allocator are filled.
    assert late <= bound(FLAT, 2.0) * early
    for model in (*VOICES, "tone"):
        await client.load(model)
        assert await speak(client, model)
        assert 1 <= len(await asyncio.to_thread(instances, triton, model)) <= MOST_INSTANCES
