"""Whole conversations through the official `openai` client."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from tests.server.processes import LONG_ANSWER, Http
from tests.server.talk import Samples, Talk, clip, talking, uh
from vdx.core.audio_formats import WireFormat

FADE = 24 * 15
"""Samples that a resume may change: 5 ms of fade and what the resampler spreads it over."""
DITHER = 2


async def test_a_recording_is_heard_and_answered(server: str) -> None:
    async with talking(server, "real") as talk:
        done = await talk.full_turn("ps_goforward")
        heard = await talk.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "go forward ten meters"
        (item,) = done["response"]["output"]
        assert item["content"][0]["transcript"] == "You said: go forward ten meters"
        assert done["response"]["status"] == "completed"
        assert talk.audio(done["response"]["id"]).size > 24_000
        kinds = talk.kinds()
        order = [
            "session.created",
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "conversation.item.input_audio_transcription.completed",
            "response.created",
            "response.output_audio.delta",
            "response.done",
        ]
        positions = [kinds.index(kind) for kind in order]
        assert positions == sorted(positions), kinds
        second = await talk.full_turn("ps_something")
        assert second["response"]["output"][0]["content"][0]["transcript"].startswith("You said")


async def test_typed_text_is_answered_when_asked(server: str) -> None:
    async with talking(server) as talk:
        await talk.connection.conversation.item.create(item=_typed("good day"))
        added = await talk.wait("conversation.item.done")
        await talk.connection.response.create(response={"metadata": {"topic": "greeting"}})
        done = await talk.wait("response.done")
        assert added["item"]["content"] == [{"type": "input_text", "text": "good day"}]
        assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: good day"
        assert done["response"]["metadata"] == {"topic": "greeting"}


async def test_a_greeting_is_spoken_first(server: str) -> None:
    async with talking(server, "greeter") as talk:
        done = await talk.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Good morning."


async def test_an_interruption_ends_the_reply(server: str) -> None:
    async with talking(server, "long-stop") as talk:
        first = (await talk.turn())["response"]["id"]
        await talk.wait("response.output_audio.delta", count=60)
        mark = len(talk.events)
        await talk.say(clip("ps_goforward"), then_s=1)
        done = await talk.wait("response.done", after=mark)
        assert done["response"]["id"] == first
        assert done["response"]["status"] == "cancelled"
        assert done["response"]["status_details"]["reason"] == "turn_detected"
        started = talk.events.index(
            await talk.wait("input_audio_buffer.speech_started", after=mark)
        )
        assert not [
            event
            for event in talk.events[started:]
            if event["type"] == "response.output_audio.delta" and event["response_id"] == first
        ], "audio of the cancelled reply after the client was told to throw it away"
        played = done["response"]["output"][0]["content"][0]["transcript"]
        assert LONG_ANSWER.startswith(played)
        assert 0 < len(played) < len(LONG_ANSWER)
        item_id = done["response"]["output"][0]["id"]
        await talk.connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=500
        )
        await talk.wait("conversation.item.truncated", item_id=item_id)
        second = await talk.wait("response.created", after=mark)
        await talk.until(lambda: talk.audio(second["response"]["id"]).size > 0, "a second reply")


async def test_a_false_interruption_loses_no_sample(server: str) -> None:
    async with talking(server, "long-uh") as quiet, talking(server, "long-uh") as talk:
        undisturbed, disturbed = await asyncio.gather(
            _whole_reply(quiet), _whole_reply(talk, disturb=True)
        )
        assert len(talk.of("input_audio_buffer.speech_started")) == 1, "only the turn itself"
        assert not [kind for kind in talk.kinds() if kind.startswith("vdx.")]
        assert talk.longest_silence(talk.of("response.done")[-1]["response"]["id"]) > 0.15
    assert disturbed.size == undisturbed.size
    differing = _differing(disturbed, undisturbed)
    assert differing.size, "the resume was not even faded in: was there a pause?"
    assert differing[-1] - differing[0] < FADE


def _differing(one: Samples, other: Samples) -> Samples:
    """Where two replies differ by more than the resampler's dither."""
    return np.flatnonzero(np.abs(one.astype(int) - other) > DITHER)


async def _whole_reply(talk: Talk, *, disturb: bool = False) -> Samples:
    created = await talk.turn()
    if disturb:
        await talk.wait("response.output_audio.delta", count=50)
        await talk.say(uh(), then_s=0.7)
    done = await talk.wait("response.done")
    assert done["response"]["status"] == "completed"
    assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
    return talk.audio(created["response"]["id"])


async def test_a_client_that_opts_in_hears_of_the_pause(server: str) -> None:
    async with talking(server, "long-uh", session={"vdx": {"events": True}}) as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=50)
        await talk.say(uh(), then_s=0.7)
        paused = await talk.wait("vdx.playout.paused")
        resumed = await talk.wait("vdx.playout.resumed")
        assert paused["response_id"] == resumed["response_id"]
        states = [event["state"] for event in talk.of("vdx.state")]
        assert "barged_in" in states
        assert states[-1] == "speaking"
        assert (await talk.wait("vdx.turn"))["speech_end_to_first_audio_ms"] > 0
        assert talk.of("vdx.vad")[-1]["frames_processed"] > 0
        await talk.connection.response.cancel()
        done = await talk.wait("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"


async def test_truncate_only_shortens(server: str) -> None:
    async with talking(server) as talk:
        done = await talk.full_turn()
        item = done["response"]["output"][0]
        for audio_end_ms, expected in ((99_999, "You said: hello there"), (700, "You said:")):
            mark = len(talk.events)
            await talk.connection.conversation.item.truncate(
                item_id=item["id"], content_index=0, audio_end_ms=audio_end_ms
            )
            await talk.wait("conversation.item.truncated", after=mark)
            await talk.connection.conversation.item.retrieve(item_id=item["id"])
            kept = (await talk.wait("conversation.item.retrieved", after=mark))["item"]
            assert kept["content"][0]["transcript"] == expected
        assert not talk.of("error")


async def test_without_turn_detection_the_client_commits(server: str) -> None:
    session = {"audio": {"input": {"turn_detection": None}}}
    async with talking(server, session=session) as talk:
        assert talk.of("session.updated")[0]["session"]["audio"]["input"]["turn_detection"] is None
        await talk.append(clip("ps_goforward"))
        await talk.connection.input_audio_buffer.commit()
        await talk.wait("conversation.item.input_audio_transcription.completed")
        await asyncio.sleep(0.3)
        assert not talk.of("response.created"), "a reply nobody asked for"
        await talk.append(clip("ps_cards_001"))
        await talk.connection.input_audio_buffer.commit()
        await talk.connection.response.create()
        done = await talk.wait("response.done")
        answer = done["response"]["output"][0]["content"][0]["transcript"]
        assert answer == "You said: hello there hello there"
        assert not talk.of("input_audio_buffer.speech_started")


async def test_a_cleared_buffer_is_forgotten(server: str) -> None:
    session = {"audio": {"input": {"turn_detection": None}}}
    async with talking(server, session=session) as talk:
        await talk.append(clip("ps_goforward"))
        await talk.connection.input_audio_buffer.clear()
        await talk.wait("input_audio_buffer.cleared")
        await talk.connection.input_audio_buffer.commit()
        assert "empty" in (await talk.error(0))["message"]


async def test_turn_detection_may_leave_the_reply_to_the_client(server: str) -> None:
    detection = {"type": "server_vad", "create_response": False, "interrupt_response": False}
    session = {"audio": {"input": {"turn_detection": detection}}}
    async with talking(server, "long-stop", session=session) as talk:
        await talk.append(clip("ps_cards_001"))
        await talk.wait("conversation.item.input_audio_transcription.completed")
        await asyncio.sleep(0.3)
        assert not talk.of("response.created")
        await talk.connection.response.create()
        await talk.wait("response.output_audio.delta", count=20)
        await talk.append(clip("ps_cards_001"))
        await talk.wait("conversation.item.input_audio_transcription.completed", count=2)
        assert not talk.of("response.done"), "interrupted although interrupt_response is false"
        await talk.connection.response.cancel()
        await talk.wait("response.done")


@pytest.mark.parametrize("model", ["vdx", "gpt-realtime", "gpt-4o-realtime-preview"])
async def test_openai_model_names_mean_the_default_profile(server: str, model: str) -> None:
    async with talking(server, model) as talk:
        session = talk.of("session.created")[0]["session"]
        assert session["model"] == "vdx"
        assert session["audio"]["output"]["voice"] == "tone"


async def test_a_profile_brings_its_own_settings(server: str) -> None:
    async with talking(server, "fast") as talk:
        session = talk.of("session.created")[0]["session"]
        assert session["model"] == "fast"
        assert session["audio"]["output"]["voice"] == "tone-fast"
        assert session["vdx"]["language"] == "en-GB"
        assert session["instructions"] == "Be quick."


async def test_the_voice_is_swapped_between_two_clauses(server: str) -> None:
    async with talking(server, "long") as plain, talking(server, "long") as talk:
        slow, mixed = await asyncio.gather(_whole_reply(plain), _swapped_reply(talk))
        assert talk.of("response.done")[0]["response"]["audio"]["output"]["voice"] == "tone-fast"
    assert mixed.size < slow.size, "the second voice is twice as fast"
    assert mixed.size > slow.size // 2, "the first clause was spoken by the first voice"
    assert not _differing(mixed[:12_000], slow[:12_000]).size


async def _swapped_reply(talk: Talk) -> Samples:
    await talk.turn()
    await talk.wait("response.output_audio.delta", count=10)
    await talk.connection.session.update(
        session={"type": "realtime", "audio": {"output": {"voice": "tone-fast"}}}
    )
    done = await talk.wait("response.done")
    assert done["response"]["status"] == "completed"
    return talk.audio(done["response"]["id"])


async def test_an_administrator_swaps_the_voice_of_live_sessions(server: str) -> None:
    http = Http(server)
    async with talking(server) as talk, talking(server) as other:
        session_id = talk.of("session.created")[0]["session"]["id"].removeprefix("sess_")
        code, answer = await asyncio.to_thread(
            http.post, f"/vdx/models/tone-fast/use?session={session_id}"
        )
        assert (code, answer["sessions"]) == (200, 1)
        fast, slow = await asyncio.gather(talk.full_turn(), other.full_turn())
        sizes = [t.audio(d["response"]["id"]).size for t, d in ((talk, fast), (other, slow))]
        assert sizes[0] * 2 == pytest.approx(sizes[1], abs=24 * 40)


def _typed(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def test_written_replies_with_the_official_library(server: str) -> None:
    async with talking(server, session={"output_modalities": ["text"]}) as talk:
        done = await talk.full_turn()
        assert done["response"]["output"][0]["content"] == [
            {"type": "output_text", "text": "You said: hello there"}
        ]
        assert talk.audio(done["response"]["id"]).size == 0
        mark = len(talk.events)
        item: Any = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Is it rude?"}],
        }
        await talk.connection.response.create(
            response={"conversation": "none", "input": [item], "metadata": {"topic": "rude"}}
        )
        response = (await talk.wait("response.done", after=mark))["response"]
        assert response["metadata"] == {"topic": "rude"}
        assert response["output"][0]["content"][0]["text"] == "You said: Is it rude?"
        assert not talk.of("conversation.item.added", after=mark)


async def test_an_item_with_speech_is_heard_before_it_is_answered(server: str) -> None:
    async with talking(server) as talk:
        audio = base64.b64encode(clip("ps_cards_001").tobytes()).decode()
        await talk.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": audio}],
            }
        )
        await talk.connection.response.create()
        heard = await talk.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello there"
        done = await talk.wait("response.done")
        spoken = done["response"]["output"][0]["content"][0]["transcript"]
        assert spoken == "You said: hello there"
        assert not talk.of("error")


async def test_a_transcription_session(server: str) -> None:
    session = {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
            }
        },
    }
    async with talking(server, session=session) as talk:
        pcm = clip("ps_cards_001", 8_000)
        await talk.append(WireFormat("audio/pcmu", 8_000).encode(pcm))
        await talk.append(b"\xff" * 8_000)
        heard = await talk.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "hello there"
        assert not talk.of("response.created")
        assert not talk.of("error")
