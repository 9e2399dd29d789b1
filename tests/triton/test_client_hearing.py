"""The typed client under a real tritonserver: recognition, probes, and no server at all."""

import asyncio
import contextlib
import socket

import numpy as np
import psutil
import pytest

from tests.triton import repository as repo
from tests.triton.test_contract import recording
from tests.triton.test_faults import settled
from tests.triton.typed import Connect, frames, spoken
from tests.triton.wire import Wire
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import (
    ModelBusy,
    ModelFailed,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.core.events import Transcript, TranscriptKind
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.manager import ModelManager
from vdx.serving.triton import RecognitionStream, TritonClient

TEXT = "A clause that is long enough to be spoken in a good many chunks."


# --- recognition --------------------------------------------------------------------------------


async def heard(client: TritonClient, model: str, pcm: np.ndarray) -> list[Transcript]:
    async with client.recognise(model, language="en") as stream:
        for at in range(0, pcm.size, 960):
            await stream.send(pcm[at : at + 960].tobytes())
        await stream.send(b"", flush=True)
        await stream.send(b"", end=True)
        return [transcript async for transcript in stream]


async def test_an_utterance_becomes_words(connect: Connect) -> None:
    client = connect()
    await client.load("pocketsphinx-en")
    answers = await heard(client, "pocketsphinx-en", recording())
    assert answers[-1].kind is TranscriptKind.FINAL
    assert "forward" in answers[-1].text
    assert [answer.kind for answer in answers].count(TranscriptKind.FINAL) == 1
    assert answers[-1].audio_ms == pytest.approx(recording().size / 16, abs=20)
    assert 0 <= answers[-1].confidence <= 1


async def test_a_pause_is_answered_and_the_utterance_goes_on(connect: Connect) -> None:
    client = connect()
    await client.load("canned")
    async with client.recognise("canned") as stream:
        answers = aiter(stream)
        await stream.send(bytes(640), flush=True)
        for flush in (1, 2):
            answer = await anext(answers)
            while answer.kind is not TranscriptKind.PAUSE:
                answer = await anext(answers)
            assert answer.flush == flush, "Triton gives an answer the id of its request"
            if flush == 1:
                await stream.send(bytes(640), flush=True)
        await stream.send(bytes(640), end=True)
        rest = [answer async for answer in answers]
    assert rest[-1].kind is TranscriptKind.FINAL
    assert rest[-1].text == "hello there"
    assert rest[-1].audio_ms == 60


async def test_a_cancelled_utterance_ends_without_words(connect: Connect) -> None:
    client = connect()
    await client.load("canned")
    async with client.recognise("canned") as stream:
        await stream.send(bytes(640))
        await stream.send(b"", end=True, cancel=True)
        answers = [answer async for answer in stream]
    assert [(answer.kind, answer.text) for answer in answers[-1:]] == [(TranscriptKind.FINAL, "")]


async def test_leaving_an_utterance_frees_its_place(connect: Connect) -> None:
    client = connect()
    await client.load("canned-hasty")
    async with client.recognise("canned-hasty") as stream:
        await stream.send(bytes(640))
        assert (await anext(aiter(stream))).text == "hello there"
    async with asyncio.timeout(WAIT_LIMIT_S):  # the server forgets it once it is idle
        while True:
            try:
                answers = await heard(client, "canned-hasty", np.zeros(960, np.int16))
                break
            except ModelBusy:
                await asyncio.sleep(0.1)
    assert answers[-1].kind is TranscriptKind.FINAL


async def test_nothing_can_be_sent_after_the_end(connect: Connect) -> None:
    client = connect()
    await client.load("canned")
    async with client.recognise("canned") as stream:
        await stream.send(bytes(640), end=True)
        async with asyncio.timeout(WAIT_LIMIT_S):
            with pytest.raises(ModelFailed, match="after the end"):
                await stream.send(bytes(640))
        assert [answer async for answer in stream][-1].kind is TranscriptKind.FINAL


async def test_sequences_never_meet(connect: Connect) -> None:
    client = connect()
    streams = [client.recognise("canned") for _ in range(100)]
    ids = {stream._sequence for stream in streams}
    assert len(ids) == 100
    assert all(0 < number < 2**63 for number in ids)
    for stream in streams:
        async with stream:
            pass
    answers = await asyncio.gather(
        *(heard(client, "canned", np.zeros(320 * n, np.int16)) for n in range(3, 15))
    )
    assert [answer[-1].audio_ms for answer in answers] == [20 * n for n in range(3, 15)]


# --- probes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", repo.model_names())
async def test_every_model_answers_its_probe(connect: Connect, model: str) -> None:
    client = connect()
    await client.load(model)
    info = await client.describe(model)
    for _ in range(3):
        await client.probe(info)
    assert {state.name: state for state in await client.index()}[model].ready


async def test_a_voice_whose_process_died_is_detected_and_reloaded(connect: Connect) -> None:
    client = connect(probe_interval_ms=200, probe_timeout_ms=1000, next_response_timeout_ms=500)
    manager = ModelManager(client)
    info = await manager.ensure("tone-fragile")
    with pytest.raises(TritonError):
        await spoken(client, "tone-fragile", TEXT, speaker="fault:exit")
    with pytest.raises((ModelUnavailable, ModelTimeout)):
        await client.probe(info)
    watch = asyncio.create_task(manager.run())
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            try:
                await client.probe(info)
                break
            except TritonError:
                await asyncio.sleep(0.1)
    watch.cancel()
    await asyncio.wait({watch})
    assert frames(await spoken(client, "tone-fragile", "again")) == 15


async def test_a_model_that_is_full_answers_its_probe(
    connect: Connect, wire: Wire, triton_server: EmbeddedTriton
) -> None:
    client = connect()
    await wire.load("tone-narrow")
    info = await client.describe("tone-narrow")
    # So long that they are under way when the test ends, however busy the machine is.
    taking = [asyncio.create_task(spoken(client, "tone-narrow", TEXT * 6)) for _ in range(2)]
    name = "vdx_active_streams"
    assert await settled(triton_server, name, "tone-narrow", 2)
    with pytest.raises(ModelBusy):
        await spoken(client, "tone-narrow", "one too many")
    await client.probe(info)
    assert not any(task.done() for task in taking)
    for task in taking:
        task.cancel()
    await asyncio.wait(taking)
    assert await settled(triton_server, name, "tone-narrow", 0)


async def test_an_engine_that_does_not_get_on_is_told_by_its_probe(
    connect: Connect, wire: Wire
) -> None:
    client = connect()
    await wire.load("tone-stuck")
    info = await client.describe("tone-stuck")
    await client.probe(info)
    waiting = asyncio.create_task(spoken(client, "tone-stuck", "a"))
    # That one which has only begun is not stuck: tests/unit/backends/test_progress.py.
    told: list[ModelUnavailable] = []
    while not told and not waiting.done():
        try:
            await client.probe(info)
        except ModelUnavailable as error:
            told.append(error)
        await asyncio.sleep(0.05)
    assert "stuck: none of 1 jobs under way advanced" in told[0].message
    await waiting
    await client.probe(info)


def model_process(server: EmbeddedTriton, model: str) -> psutil.Process:
    """The process of a loaded model that has one instance."""
    for process in psutil.Process(server.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if any(f"/{model}/" in word for word in process.cmdline()):
                return process
    raise AssertionError(f"{model} has no process")


async def test_a_probe_of_a_stopped_process_times_out(
    connect: Connect, wire: Wire, triton_server: EmbeddedTriton
) -> None:
    client = connect(probe_timeout_ms=300)
    await wire.load("canned-two")
    info = await client.describe("canned-two")
    stub = model_process(triton_server, "canned-two")
    stub.suspend()
    try:
        with pytest.raises(ModelTimeout, match="canned-two did not answer the probe"):
            await client.probe(info)
    finally:
        stub.resume()
    await connect().probe(info)


# --- no server ----------------------------------------------------------------------------------


async def _send_for_ever(stream: RecognitionStream) -> None:
    while True:
        await stream.send(bytes(640))


async def test_without_a_server_everything_says_so(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client = connect(url=f"127.0.0.1:{port}")
    assert not await client.is_ready()
    for call in (client.load("tone"), client.index(), spoken(client, "tone", "hello")):
        with pytest.raises(TritonUnavailable, match="Triton does not answer") as told:
            await call
        assert told.value.retryable
    async with client.recognise("canned") as stream:
        with pytest.raises(TritonUnavailable):
            await _send_for_ever(stream)


async def test_a_host_that_swallows_packets_times_out(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # accepts, and never says a word
        client = connect(url=f"127.0.0.1:{deaf.getsockname()[1]}", first_response_timeout_ms=200)
        async with asyncio.timeout(WAIT_LIMIT_S):
            with pytest.raises((ModelTimeout, TritonUnavailable)):
                await spoken(client, "tone", "hello")
