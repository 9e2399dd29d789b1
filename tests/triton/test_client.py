"""The typed client under a real tritonserver: what it returns, and how everything it does fails."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from frontend.core.config import TritonConfig
from frontend.core.errors import (
    ModelBusy,
    ModelFailed,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from frontend.core.events import SpeechChunk, Transcript, TranscriptKind
from frontend.serving.embedded import EmbeddedTriton
from frontend.serving.manager import ModelManager
from frontend.serving.triton import RecognitionStream, SynthesisRequest, TritonClient
from tests.triton import repository as repo
from tests.triton.test_contract import recording
from tests.triton.test_faults import metric, settled
from tests.triton.wire import Wire

TEXT = "A clause that is long enough to be spoken in a good many chunks."

Connect = Callable[..., TritonClient]


@pytest.fixture
async def connect(triton_server: EmbeddedTriton) -> AsyncIterator[Connect]:
    """Opens clients with these settings; closed at the end of the test."""
    opened: list[TritonClient] = []

    def build(**settings: Any) -> TritonClient:
        opened.append(TritonClient(TritonConfig(**({"url": triton_server.grpc_url} | settings))))
        return opened[-1]

    yield build
    for client in opened:
        await client.close()


async def spoken(client: TritonClient, model: str, text: str, **changes: Any) -> list[SpeechChunk]:
    return [chunk async for chunk in client.synthesize(model, SynthesisRequest(text, **changes))]


def frames(chunks: list[SpeechChunk]) -> int:
    return sum(len(chunk.audio) for chunk in chunks)


async def eventually(server: EmbeddedTriton, name: str, model: str, value: float) -> None:
    assert await settled(server, name, model, value), f"{name} of {model} never was {value:g}"


# --- model control ------------------------------------------------------------------------------


async def test_models_are_listed_loaded_described_and_unloaded(connect: Connect) -> None:
    client = connect()
    assert await client.is_ready()
    assert {state.name for state in await client.index()} >= set(repo.model_names())
    await client.load("tone-spare")
    states = {state.name: state for state in await client.index()}
    assert states["tone-spare"].ready
    info = await client.describe("tone-spare")
    assert (info.kind, info.family, info.sample_rate) == ("tts", "tone", 48_000)
    assert info.can("streaming")
    assert info.can("word_times")
    assert not info.can("zero_shot")
    await client.unload("tone-spare")
    await ModelManager(client)._settled("tone-spare")
    assert not {state.name: state for state in await client.index()}["tone-spare"].ready
    with pytest.raises(ModelUnavailable, match="tone-spare"):
        await client.describe("tone-spare")


async def test_a_model_that_was_never_loaded_can_be_unloaded(connect: Connect) -> None:
    """The manager does so with every model of a server that was restarted."""
    client = connect()
    await client.unload("tone-never")
    await client.load("tone-never")
    await client.unload("tone-never")


@pytest.mark.parametrize("name", ["no-such-model", "", "../tone", "tone/1", "ton\u00e9"])
async def test_an_unknown_model_is_a_typed_error(connect: Connect, name: str) -> None:
    client = connect()
    for call in (client.load(name), client.describe(name), spoken(client, name, "hello")):
        with pytest.raises(TritonError) as told:
            await call
        assert not isinstance(told.value, TritonUnavailable)
    async with client.recognise(name) as stream:
        await stream.send(b"", end=True)
        with pytest.raises(TritonError):
            await anext(aiter(stream))


# --- synthesis ----------------------------------------------------------------------------------


async def test_speech_comes_in_frames_with_words(connect: Connect) -> None:
    client = connect()
    await client.load("tone")
    chunks = await spoken(client, "tone", "one two")
    assert all(chunk.audio.shape[1:] == (960,) for chunk in chunks)
    assert frames(chunks) == 7 * 60 // 20
    words = [word for chunk in chunks for word in chunk.words]
    assert [(word.word, word.char_start, word.char_end) for word in words] == [
        ("one", 0, 3),
        ("two", 4, 7),
    ]
    assert frames(await spoken(client, "tone", "one two", speed=2.0)) == pytest.approx(11, abs=1)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (SynthesisRequest("a" * 1001), "1001"),
        (SynthesisRequest(""), "nothing to say"),
        (SynthesisRequest("a", speed=9.0), "9"),
        (SynthesisRequest("a", speaker="nobody"), None),
        (SynthesisRequest("a", language="x" * 300), "300"),
    ],
)
async def test_what_a_voice_refuses_is_rejected_and_named(
    connect: Connect, request_: SynthesisRequest, named: str | None
) -> None:
    client = connect()
    await client.load("tone")
    if named is None:  # a voice with one speaker takes any name
        assert [chunk async for chunk in client.synthesize("tone", request_)]
        return
    with pytest.raises(ModelRejected, match=named) as told:
        _ = [chunk async for chunk in client.synthesize("tone", request_)]
    assert told.value.model == "tone"
    assert not told.value.retryable


async def test_half_a_surrogate_pair_is_spoken_as_something(connect: Connect) -> None:
    client = connect()
    await client.load("tone")
    assert frames(await spoken(client, "tone", "a\ud800b")) == 3 * 60 // 20
    await client.load("tone-strict")
    with pytest.raises(ModelRejected, match=r"fault:\?"):
        await spoken(client, "tone-strict", "a", speaker="fault:\ud800")


async def test_closing_the_iterator_stops_the_server(
    connect: Connect, triton_server: EmbeddedTriton
) -> None:
    client = connect()
    await client.load("tone-slow")
    cancelled = metric(triton_server, "vdx_cancellations_total", "tone-slow")
    async with aclosing(client.synthesize("tone-slow", SynthesisRequest(TEXT))) as chunks:
        assert len((await anext(chunks)).audio)
    await eventually(triton_server, "vdx_cancellations_total", "tone-slow", cancelled + 1)
    await eventually(triton_server, "vdx_active_streams", "tone-slow", 0)


async def test_cancelling_the_task_stops_the_server(
    connect: Connect, triton_server: EmbeddedTriton
) -> None:
    client = connect()
    await client.load("tone-slow")
    cancelled = metric(triton_server, "vdx_cancellations_total", "tone-slow")
    listening = asyncio.create_task(spoken(client, "tone-slow", TEXT))
    await eventually(triton_server, "vdx_active_streams", "tone-slow", 1)
    listening.cancel()
    await asyncio.wait({listening})
    assert listening.cancelled()
    await eventually(triton_server, "vdx_cancellations_total", "tone-slow", cancelled + 1)
    await eventually(triton_server, "vdx_active_streams", "tone-slow", 0)


async def _collect(chunks: AsyncIterator[SpeechChunk], into: list[SpeechChunk]) -> None:
    async for chunk in chunks:
        into.append(chunk)  # noqa: PERF401  (what came before an error counts)


async def test_an_error_in_mid_stream_comes_after_the_audio(connect: Connect) -> None:
    client = connect()
    await client.load("tone")
    chunks = client.synthesize("tone", SynthesisRequest(TEXT, speaker="fault:error"))
    heard: list[SpeechChunk] = []
    with pytest.raises(ModelFailed, match="told to fail"):
        await _collect(chunks, heard)
    assert frames(heard) > 0


async def test_a_hung_voice_times_out(connect: Connect, triton_server: EmbeddedTriton) -> None:
    client = connect(next_response_timeout_ms=300)
    await client.load("tone")
    with pytest.raises(ModelTimeout, match="tone sent nothing for 300 ms"):
        await spoken(client, "tone", TEXT, speaker="fault:hang")
    await eventually(triton_server, "vdx_active_streams", "tone", 0)
    assert frames(await spoken(client, "tone", "next")) == 12


async def test_a_voice_that_is_slow_to_begin_times_out(connect: Connect) -> None:
    client = connect(first_response_timeout_ms=20)
    await client.load("tone-slow")
    with pytest.raises(ModelTimeout, match="tone-slow sent nothing for 20 ms"):
        await spoken(client, "tone-slow", TEXT)


async def test_a_full_voice_is_busy(connect: Connect) -> None:
    client = connect()
    await client.load("tone-narrow")
    answers = await asyncio.gather(
        *(spoken(client, "tone-narrow", TEXT[:16]) for _ in range(4)), return_exceptions=True
    )
    busy = [answer for answer in answers if isinstance(answer, ModelBusy)]
    assert len(busy) == 2
    assert all(error.retryable and error.model == "tone-narrow" for error in busy)


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
        kinds = [(await anext(answers)).kind]
        while kinds[-1] is not TranscriptKind.PAUSE:
            kinds.append((await anext(answers)).kind)
        await stream.send(bytes(640), end=True)
        rest = [answer async for answer in answers]
    assert rest[-1].kind is TranscriptKind.FINAL
    assert rest[-1].text == "hello there"
    assert rest[-1].audio_ms == 40


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
    async with asyncio.timeout(10):  # the server forgets it once it is idle
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
        async with asyncio.timeout(5):
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


async def test_a_dead_voice_is_noticed_and_brought_back(connect: Connect) -> None:
    client = connect(probe_interval_ms=200, probe_timeout_ms=1000, next_response_timeout_ms=500)
    manager = ModelManager(client)
    info = await manager.ensure("tone-fragile")
    with pytest.raises(TritonError):
        await spoken(client, "tone-fragile", TEXT, speaker="fault:exit")
    with pytest.raises((ModelUnavailable, ModelTimeout)):
        await client.probe(info)
    watch = asyncio.create_task(manager.run())
    async with asyncio.timeout(30):
        while True:
            try:
                await client.probe(info)
                break
            except TritonError:
                await asyncio.sleep(0.1)
    watch.cancel()
    await asyncio.wait({watch})
    assert frames(await spoken(client, "tone-fragile", "again")) == 15


async def test_a_probe_of_a_hung_recogniser_times_out(connect: Connect, wire: Wire) -> None:
    client = connect(probe_timeout_ms=50)
    await wire.load("tone-slow")
    info = await client.describe("tone-slow")  # its first chunk takes longer than the probe may
    with pytest.raises(ModelTimeout, match="tone-slow did not answer the probe"):
        await client.probe(info)


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
        async with asyncio.timeout(10):
            with pytest.raises((ModelTimeout, TritonUnavailable)):
                await spoken(client, "tone", "hello")
