"""What goes wrong ends coded, with FINAL, and costs nobody else anything."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.triton.wire import Response, Wire
from tests.wait_limit import WAIT_LIMIT_S
from vdx.bench.scrape import fetch, parse
from vdx.serving.embedded import EmbeddedTriton

TEXT = "A clause that is long enough to be spoken in a good many chunks, one after the other."
MS_PER_CHAR, CHUNK_MS = 60, 40
"""Of the model `tone`."""


def metric(server: EmbeddedTriton, name: str, model: str) -> float:
    """The sum of a metric over a model's instances in the server's /metrics; 0 without any."""
    return parse(fetch(server.metrics_url)).total(name, model=model)


def frames_of(responses: list[Response]) -> int:
    return sum(len(r.outputs["AUDIO"]) for r in responses if r.outputs)


async def settled(server: EmbeddedTriton, name: str, model: str, wanted: float) -> bool:
    """Whether the metric reaches the value."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while await asyncio.to_thread(metric, server, name, model) != wanted:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


async def resting(server: EmbeddedTriton, name: str, model: str) -> float:
    """The metric once it stays the same for a second."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            value = await asyncio.to_thread(metric, server, name, model)
            await asyncio.sleep(1.0)
            if await asyncio.to_thread(metric, server, name, model) == value:
                return value


@pytest.fixture
async def fragile(wire: Wire) -> AsyncIterator[str]:
    """A tone model that a test may break; it is replaced afterwards."""
    await wire.load("tone-fragile")
    yield "tone-fragile"
    await wire.reload("tone-fragile")
    assert (await wire.speak("tone-fragile", "again"))[-1].final


async def test_an_error_in_mid_stream_is_coded_and_final(wire: Wire) -> None:
    await wire.load("tone")
    responses = await wire.speak("tone", TEXT, SPEAKER="fault:error")
    assert [bool(r.error) for r in responses] == [False] * (len(responses) - 1) + [True]
    assert "[internal]" in responses[-1].error
    assert responses[-1].final
    assert (await wire.speak("tone", TEXT))[-1].error == ""


async def test_a_fault_is_in_the_log_with_its_traceback(
    wire: Wire, triton_server: EmbeddedTriton
) -> None:
    await wire.load("tone")
    error = (await wire.speak("tone", TEXT, SPEAKER="fault:error"))[-1].error
    assert "the engine failed; Triton's log says more about request" in error
    assert "Error" not in error
    log = await asyncio.to_thread(triton_server.log_file.read_text)
    _, found, entry = log.rpartition("tone: fault in request")
    assert found, "an error is written where information is not"
    assert "triton_backends/tone/engine.py" in entry
    assert "_inject" in entry
    assert TEXT not in log


async def test_a_model_without_faults_refuses_them(wire: Wire) -> None:
    await wire.load("tone-strict")
    responses = await wire.speak("tone-strict", TEXT, SPEAKER="fault:exit")
    assert "[invalid_argument] SPEAKER 'fault:exit'" in responses[-1].error


async def test_more_streams_than_admitted_are_busy(wire: Wire) -> None:
    await wire.load("tone-narrow")
    answers = await asyncio.gather(*(wire.speak("tone-narrow", TEXT[:16]) for _ in range(5)))
    errors = [answer[-1].error for answer in answers]
    assert sum("[busy]" in error for error in errors) == 3
    assert sum(error == "" for error in errors) == 2
    assert (await wire.speak("tone-narrow", "go"))[-1].error == ""


async def test_a_cancelled_stream_is_computed_no_further(
    wire: Wire, triton_server: EmbeddedTriton
) -> None:
    await wire.load("tone-slow")
    chunks, cancellations = "vdx_chunks_total", "vdx_cancellations_total"
    cancelled = metric(triton_server, cancellations, "tone-slow")
    before = metric(triton_server, chunks, "tone-slow")
    long = TEXT * 5
    whole = len(long) * MS_PER_CHAR // CHUNK_MS  # half a minute of computing
    async with wire.stream("tone-slow") as stream:
        await stream.send({"TEXT": long})
        await stream.read()
        stream.call.cancel()
    assert await settled(triton_server, cancellations, "tone-slow", cancelled + 1)
    assert await settled(triton_server, "vdx_active_streams", "tone-slow", 0)
    computed = await resting(triton_server, chunks, "tone-slow") - before
    assert 1 <= computed < whole / 2
    assert (await wire.speak("tone-slow", "go on"))[-1].error == ""


CLIENT = """
import asyncio, sys
from tests.triton.wire import Wire
async def main():
    async with Wire(sys.argv[1]) as wire, wire.stream("tone-slow") as stream:
        await stream.send({"TEXT": sys.argv[2]})
        await stream.read()
        print("speaking", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_killed_client_ends_its_stream(wire: Wire, triton_server: EmbeddedTriton) -> None:
    await wire.load("tone-slow")
    cancelled = metric(triton_server, "vdx_cancellations_total", "tone-slow")
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        triton_server.grpc_url,
        TEXT * 5,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert client.stdout is not None
    assert await client.stdout.readline() == b"speaking\n"
    client.send_signal(signal.SIGKILL)
    await client.wait()
    name = "vdx_cancellations_total"
    assert await settled(triton_server, name, "tone-slow", cancelled + 1)
    assert await settled(triton_server, "vdx_active_streams", "tone-slow", 0)


async def test_a_hung_stream_disturbs_no_other_and_can_be_cancelled(
    wire: Wire, fragile: str
) -> None:
    async with wire.stream(fragile) as stream:
        await stream.send({"TEXT": TEXT, "SPEAKER": "fault:hang"})
        assert (await stream.read()).error == ""
        with pytest.raises(TimeoutError):
            await stream.read(timeout_s=0.5)
        assert (await wire.speak(fragile, "others go on"))[-1].error == ""


async def test_a_dead_model_process_is_detected_by_the_next_request(
    wire: Wire, fragile: str
) -> None:
    async with wire.stream(fragile) as stream:
        await stream.send({"TEXT": TEXT, "SPEAKER": "fault:exit"})
        reading = asyncio.create_task(stream.read_final())
        # Triton does not say that the process died, and may never answer what was in flight.
        await asyncio.wait({reading}, timeout=0.5)
        assert not reading.done()
        assert "not healthy" in (await wire.speak(fragile, "nobody is there"))[-1].error
        stream.call.cancel()
        await asyncio.wait({reading})
    await wire.reload(fragile)
    assert (await wire.speak(fragile, "here again"))[-1].error == ""


async def test_unloading_lets_the_clause_finish(wire: Wire) -> None:
    await wire.load("tone-slow")
    async with wire.stream("tone-slow") as stream:
        await stream.send({"TEXT": TEXT[:30]})
        first = await stream.read()
        await wire.unload("tone-slow")
        rest = await stream.read_final()
    assert frames_of([first, *rest]) == 30 * 60 // 20
    assert rest[-1].error == ""
    words = [w for r in [first, *rest] if r.outputs for w in json.loads(r.outputs["WORDS"])]
    assert len(words) == len(TEXT[:30].split())


async def test_metrics_are_served(wire: Wire, triton_server: EmbeddedTriton) -> None:
    await wire.load("tone-strict")
    name = "vdx_first_chunk_seconds_count"
    before = metric(triton_server, name, "tone-strict")
    for _ in range(3):
        await wire.speak("tone-strict", TEXT)
    assert await settled(triton_server, name, "tone-strict", before + 3)
    assert metric(triton_server, "vdx_inter_chunk_seconds_count", "tone-strict") >= 3 * 4
    assert metric(triton_server, "vdx_real_time_factor_count", "tone-strict") == before + 3


async def test_the_next_process_of_a_model_goes_on_with_its_metrics(
    wire: Wire, triton_server: EmbeddedTriton
) -> None:
    await wire.load("tone-spare")
    name = "vdx_first_chunk_seconds_count"
    before = metric(triton_server, name, "tone-spare")
    await wire.speak("tone-spare", TEXT)
    assert await settled(triton_server, name, "tone-spare", before + 1)
    await wire.unload("tone-spare")
    await asyncio.sleep(3.0)  # until the process has ended; Triton waits a second before that
    assert metric(triton_server, name, "tone-spare") == before + 1
    await wire.load("tone-spare")
    await wire.speak("tone-spare", TEXT)
    assert await settled(triton_server, name, "tone-spare", before + 2)


@pytest.mark.parametrize("model", ["tone", "espeak-en"])
async def test_many_at_once_keep_their_own_audio(wire: Wire, model: str) -> None:
    await wire.load(model)
    texts = [f"sentence number {n} " + "and on " * (n % 4) for n in range(12)]
    alone = [await wire.speak(model, text) for text in texts]
    together = await asyncio.gather(*(wire.speak(model, text) for text in texts))
    # espeak-ng varies a voice by some samples from one synthesis to the next.
    lengths = [frames_of(responses) for responses in alone]
    assert [frames_of(responses) for responses in together] == pytest.approx(
        lengths, rel=0.05, abs=1
    )
    assert [responses[-1].error for responses in together] == [""] * len(texts)
