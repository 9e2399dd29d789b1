"""session.update: what it may change, and how it refuses what it may not."""

import asyncio
import json
from typing import Any

import pytest

from tests.server.processes import Http
from tests.server.talk import clip, talking, update

REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"audio": {"output": {"speed": 9}}}, "session.audio.output.speed", "9"),
    ({"audio": {"output": {"format": {"rate": 44100}}}}, "session.audio.output.format.rate", "441"),
    ({"audio": {"input": {"format": {"type": "audio/g711"}}}}, "audio.input.format", "audio/g711"),
    ({"output_modalities": ["video"]}, "session.output_modalities", "'video'"),
    ({"tools": [{"type": "function", "name": "no good"}]}, "session.tools", "no good"),
    ({"instructions": 7}, "session.instructions", "7"),
    ({"colour": "blue"}, "session.colour", "'session.colour'"),
    ({"audio": {"input": {"turn_detection": {"type": "psychic"}}}}, "turn_detection", "psychic"),
    (
        {"audio": {"output": {"voice": "no-such-voice"}}},
        "session.audio.output.voice",
        "no-such-voice",
    ),
    ({"audio": {"output": {"voice": "espeak-en/nobody"}}}, "output.voice", "'nobody'"),
    ({"audio": {"output": {"voice": "canned"}}}, "voice", "canned"),
    ({"audio": {"output": {"voice": ""}}}, "voice", "''"),
    ({"audio": {"input": {"transcription": {"model": "tone"}}}}, "transcription.model", "tone"),
    ({"audio": {"input": {"transcription": {"model": "tonne"}}}}, "model", "did you mean 'tone"),
    ({"audio": {"input": {"transcription": {"language": "?!"}}}}, "language", "?!"),
    ({"voice": "alloy"}, "session.voice", "session.audio.output"),
    ({"modalities": ["audio"]}, "session.modalities", "beta"),
    ({"input_audio_format": "pcm16"}, "session.input_audio_format", "beta"),
]


@pytest.mark.parametrize(("session", "param", "named"), REFUSED, ids=lambda v: str(v)[:40])
async def test_a_bad_field_is_named_with_its_value(
    server: str, session: dict[str, Any], param: str, named: str
) -> None:
    async with talking(server) as talk:
        await talk.connection.send_raw(json.dumps(_update(session) | {"event_id": "mine"}))
        error = await talk.error(0)
        assert error["type"] == "invalid_request_error"
        assert error["event_id"] == "mine"
        assert param in error["param"]
        assert named in error["message"]


async def test_a_turn_works_after_every_refusal(server: str) -> None:
    async with talking(server) as talk:
        before = talk.of("session.created")[0]["session"]
        for session, _, _ in REFUSED:
            await talk.connection.send_raw(json.dumps(_update(session)))
        await talk.wait("error", count=len(REFUSED))
        assert await update(talk, {}) == before
        assert (await talk.full_turn())["response"]["status"] == "completed"


def _update(session: dict[str, Any]) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


async def test_a_session_without_its_type_is_refused(server: str) -> None:
    async with talking(server) as talk:
        await talk.connection.send_raw(json.dumps({"type": "session.update", "session": {}}))
        assert (await talk.error(0))["param"] == "session.type"
        mark = len(talk.events)
        await talk.connection.send_raw(json.dumps({"type": "session.update"}))
        assert (await talk.error(mark))["param"].startswith("session")


@pytest.mark.parametrize("voice", ["alloy", "marin", {"id": "verse"}])
async def test_openai_voices_mean_the_profiles(server: str, voice: Any) -> None:
    async with talking(server, "fast") as talk:
        session = await update(talk, {"audio": {"output": {"voice": voice}}})
        assert session["audio"]["output"]["voice"] == "tone-fast"


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe"])
async def test_openai_transcribers_mean_the_profiles(server: str, model: str) -> None:
    async with talking(server, "long-uh") as talk:
        session = await update(talk, {"audio": {"input": {"transcription": {"model": model}}}})
        assert session["audio"]["input"]["transcription"]["model"] == "canned-uh"


async def test_an_update_changes_only_what_it_names(server: str) -> None:
    async with talking(server) as talk:
        before = talk.of("session.created")[0]["session"]
        await update(talk, {"instructions": "Be brief."})
        after = await update(
            talk, {"audio": {"input": {"turn_detection": {"silence_duration_ms": 500}}}}
        )
        assert after["instructions"] == "Be brief."
        assert after["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
        assert after["audio"]["output"] == before["audio"]["output"]


async def test_everything_the_server_says_of_a_session_it_takes_back(server: str) -> None:
    async with talking(server) as talk:
        session = talk.of("session.created")[0]["session"]
        assert await update(talk, session) == session


async def test_transcripts_can_be_switched_off(server: str) -> None:
    async with talking(server, session={"audio": {"input": {"transcription": None}}}) as talk:
        await talk.full_turn()
        assert not [kind for kind in talk.kinds() if "transcription" in kind]


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
async def test_audio_rates(server: str, rate: int) -> None:
    audio = {"type": "audio/pcm", "rate": rate}
    session = {"audio": {"input": {"format": audio}, "output": {"format": audio}}}
    async with talking(server, session=session) as talk:
        talk.rate = rate
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed"
        samples = talk.audio(done["response"]["id"])
        spoken = done["response"]["output"][0]["content"][0]["transcript"]
        assert spoken == "You said: hello there"
        assert samples.size / rate == pytest.approx(len(spoken) * 0.060, abs=0.06)


async def test_speed_and_speaker_reach_the_voice(server: str) -> None:
    session = {"audio": {"output": {"speed": 2.0}}}
    async with talking(server, session=session) as talk:
        done = await talk.full_turn()
        assert talk.audio(done["response"]["id"]).size / 24_000 == pytest.approx(0.63, abs=0.06)
        await update(talk, {"audio": {"output": {"voice": "tone/nobody"}}})
        assert (await talk.full_turn())["response"]["status"] == "completed"


async def test_a_model_is_loaded_while_the_person_speaks(server: str, http: Http) -> None:
    await asyncio.to_thread(http.post, "/vdx/models/tone-spare/unload")
    async with talking(server) as talk:
        await talk.say(clip("ps_goforward")[:24_000])
        await talk.connection.send_raw(
            json.dumps(_update({"audio": {"output": {"voice": "tone-spare"}}}))
        )
        await talk.say(clip("ps_goforward")[24_000:], then_s=1)
        await talk.wait("response.done")
        await talk.wait("session.updated")
        assert len(talk.of("input_audio_buffer.speech_started")) == 1
        assert (await talk.full_turn())["response"]["audio"]["output"]["voice"] == "tone-spare"


async def test_an_update_keeps_what_an_administrator_swapped(server: str, http: Http) -> None:
    async with talking(server) as talk:
        session_id = talk.of("session.created")[0]["session"]["id"].removeprefix("sess_")
        await asyncio.to_thread(http.post, f"/vdx/models/tone-fast/use?session={session_id}")
        session = await update(talk, {"instructions": "Be brief."})
        assert session["audio"]["output"]["voice"] == "tone-fast"
