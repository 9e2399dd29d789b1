"""Utterances of many speakers at once, and what happens to those nobody ends."""

import asyncio
import json
from contextlib import AsyncExitStack

import numpy as np
import pytest

from tests.triton.test_contract import recording
from tests.triton.wire import Stream, Wire
from tests.wait_limit import WAIT_LIMIT_S

SILENCE = np.zeros(960, np.int16)
NOTHING = SILENCE[:0]


async def utter(stream: Stream, audio: np.ndarray, pieces: int) -> str:
    """Send in `pieces` turns, letting the others go in between; returns the final text."""
    size = audio.size // pieces // 320 * 320
    for number in range(pieces):
        end = audio.size if number == pieces - 1 else (number + 1) * size
        await stream.send_audio(audio[number * size : end], start=number == 0)
        await asyncio.sleep(0.01)
    await stream.send_audio(NOTHING, end=True)
    return str((await stream.read_state(2)).outputs["TEXT"])


async def test_interleaved_utterances_do_not_mix(wire: Wire) -> None:
    await wire.load("pocketsphinx-en")
    names = ["ps_tidigits_2934z.wav", "ps_goforward.wav", "ps_something.wav"]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(wire.stream("pocketsphinx-en")) for _ in names]
        alone = [
            await utter(stream, recording(name), pieces=40)
            for stream, name in zip(streams, names, strict=True)
        ]
        for stream in streams:
            stream.sequence += 2
        together = await asyncio.gather(
            *(
                utter(stream, recording(name), pieces=40)
                for stream, name in zip(streams, names, strict=True)
            )
        )
    assert together == alone
    assert len(set(together)) == 3


async def test_texts_are_used_in_turn(wire: Wire) -> None:
    await wire.load("canned-two")
    heard = []
    for _ in range(3):
        async with wire.stream("canned-two") as stream:
            heard.append(await utter(stream, np.zeros(3200, np.int16), pieces=2))
    assert heard in (
        ["one two three", "four", "one two three"],
        ["four", "one two three", "four"],
    )


async def test_a_restarted_sequence_begins_anew(wire: Wire) -> None:
    await wire.load("canned-narrow")
    async with wire.stream("canned-narrow") as stream:
        await stream.send_audio(np.zeros(6400, np.int16), start=True)
        await stream.read_state(0)
        # One utterance is all this model admits: the old one must be gone.
        await stream.send_audio(np.zeros(3200, np.int16), start=True)
        await stream.send_audio(NOTHING, end=True)
        final = await stream.read_state(2)
    assert final.error == ""
    assert final.outputs["AUDIO_MS"][0] == 200


async def test_one_utterance_too_many_is_busy(wire: Wire) -> None:
    await wire.load("canned-narrow")
    async with wire.stream("canned-narrow") as first, wire.stream("canned-narrow") as second:
        await first.send_audio(SILENCE, start=True)
        await first.read_state(0)
        await second.send_audio(SILENCE, start=True)
        assert "[busy]" in (await second.read()).error
        await first.send_audio(NOTHING, end=True)
        assert (await first.read_state(2)).error == ""
        second.sequence += 2
        await second.send_audio(SILENCE, start=True, end=True)
        assert (await second.read_state(2)).error == ""


@pytest.mark.parametrize("model", ["canned", "pocketsphinx-en"])
async def test_cancel_throws_the_utterance_away(wire: Wire, model: str) -> None:
    await wire.load(model)
    async with wire.stream(model) as stream:
        await stream.send_audio(recording()[:16000], start=True)
        await stream.send_audio(NOTHING, end=True, CANCEL=True)
        final = await stream.read_state(2)
    assert final.outputs["TEXT"] == ""
    assert json.loads(final.outputs["WORDS"]) == []


async def test_cancel_without_end_is_refused(wire: Wire) -> None:
    await wire.load("canned")
    async with wire.stream("canned") as stream:
        await stream.send_audio(SILENCE, start=True, CANCEL=True)
        response = await stream.read()
    assert "[invalid_argument] CANCEL" in response.error


async def test_an_idle_utterance_frees_its_place(wire: Wire) -> None:
    await wire.load("canned-hasty")
    async with wire.stream("canned-hasty") as first, wire.stream("canned-hasty") as second:
        await first.send_audio(SILENCE, start=True)
        await first.read_state(0)
        await second.send_audio(SILENCE, start=True)
        assert "[busy]" in (await second.read()).error
        async with asyncio.timeout(WAIT_LIMIT_S):
            while True:
                second.sequence += 2
                await second.send_audio(SILENCE, start=True)
                answer = await second.read()
                if "[busy]" not in answer.error:
                    break
                await asyncio.sleep(0.2)
        assert answer.error == ""
        await first.send_audio(SILENCE)
        assert (await first.read()).error


async def test_audio_without_a_start_is_refused(wire: Wire) -> None:
    await wire.load("canned")
    async with wire.stream("canned") as stream:
        await stream.send_audio(SILENCE)
        assert "START" in (await stream.read()).error


async def test_an_utterance_without_audio_heard_nothing(wire: Wire) -> None:
    for model in ("canned", "pocketsphinx-en"):
        await wire.load(model)
        async with wire.stream(model) as stream:
            await stream.send_audio(NOTHING, start=True)
            await stream.send_audio(NOTHING, FLUSH=True)
            assert (await stream.read_state(1)).outputs["TEXT"] == ""
            await stream.send_audio(NOTHING, end=True)
            assert (await stream.read_state(2)).outputs["TEXT"] == ""


async def test_a_whole_recording_at_once_is_recognised(wire: Wire) -> None:
    await wire.load("pocketsphinx-en")
    speech = recording("ps_librivox_0870.wav")
    async with wire.stream("pocketsphinx-en") as stream:
        final = await utter(stream, speech, pieces=speech.size // 320)
    assert "leisure to consider" in final


async def test_half_a_minute_in_one_request_is_recognised(wire: Wire) -> None:
    await wire.load("pocketsphinx-en")
    speech = np.resize(recording("ps_librivox_0870.wav"), 30 * 16_000)
    async with wire.stream("pocketsphinx-en") as stream:
        await stream.send_audio(speech, start=True, end=True)
        final = await stream.read_state(2, timeout_s=180.0)  # 5 s on a machine without other work
    assert final.outputs["TEXT"].count("leisure to consider") >= 2
    assert final.outputs["AUDIO_MS"] == 30_000
