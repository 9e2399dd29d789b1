"""The typed client under a real tritonserver: what it returns, and how everything it does fails."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from tests.triton import repository as repo
from tests.triton.test_faults import metric
from tests.triton.typed import Connect, eventually, frames, spoken
from vdx.core.errors import (
    ModelBusy,
    ModelFailed,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
    TritonError,
    TritonUnavailable,
)
from vdx.core.events import SpeechChunk
from vdx.core.log_ids import LogIds, logged_as
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest

TEXT = "A clause that is long enough to be spoken in a good many chunks."


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
    assert not {state.name: state for state in await client.index()}["tone-spare"].ready
    with pytest.raises(ModelUnavailable, match="tone-spare"):
        await client.describe("tone-spare")


async def test_a_model_that_was_never_loaded_can_be_unloaded(connect: Connect) -> None:
    """The manager does so with every model of a server that was restarted."""
    client = connect()
    await client.unload("tone-never")
    await client.load("tone-never")
    assert {state.name: state for state in await client.index()}["tone-never"].ready
    await client.unload("tone-never")
    assert not {state.name: state for state in await client.index()}["tone-never"].ready


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
    told = r"the engine failed; Triton's log says more about request [0-9a-f]{16}$"
    with pytest.raises(ModelFailed, match=told):
        await _collect(chunks, heard)
    assert frames(heard) > 0


async def test_a_fault_of_a_voice_is_in_the_log_with_its_session(
    connect: Connect, triton_server: EmbeddedTriton
) -> None:
    client = connect()
    await client.load("tone")
    ids = LogIds("session-of-this-test")
    with logged_as(ids), pytest.raises(ModelFailed):
        await spoken(client, "tone", TEXT, speaker="fault:error")
    log = await asyncio.to_thread(triton_server.log_file.read_text)
    assert re.search(r"tone: fault in request [0-9a-f]{16}, session session-of-this-test\b", log)


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
