"""What clients ask a session for, in and out of turn."""

import asyncio
from typing import Self

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeVoice, Heard
from tests.unit.dialog.stage import (
    LONG_CLAUSES,
    answered,
    fades,
    long_answer,
    quiet,
    scene,
    spoken,
)
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, TritonConfig
from vdx.core.errors import (
    InvalidInput,
    ModelTimeout,
)
from vdx.core.events import SessionState
from vdx.dialog.session_events import (
    FinalTranscript,
    RecognitionFailed,
    ReplyDone,
    ReplyStarted,
    UtteranceLeftOpen,
)

SPEAKING = SessionState.SPEAKING
WAITING = SessionState.WAITING_FOR_INPUT


@on_virtual_time
async def test_greeting_typing_and_asking() -> None:
    async with scene(greeting="Good morning.", lead_in=False) as stage:
        await stage.transport.wait_for(ReplyDone)
        assert stage.said() == [("assistant", "Good morning.")]
        assert stage.responder.asked == []
        stage.session.type_text("hi")
        await stage.transport.wait_for(ReplyDone, 2)
        stage.session.request_reply("be brief")
        await stage.transport.wait_for(ReplyDone, 3)
        assert stage.responder.asked[1][0].text == "be brief"
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed"), (3, "completed")]


@on_virtual_time
async def test_words_to_say_that_come_too_late_are_not_said_later() -> None:
    async with scene(greeting="Good morning.", lead_in=False) as stage:
        await stage.transport.wait_for(ReplyStarted)
        stage.session.say("too late")
        stage.session.request_reply("too late")
        await stage.transport.wait_for(ReplyDone)
        stage.session.type_text("hi")
        await stage.transport.wait_for(ReplyDone, 2)
        assert "too late" not in str(stage.said()) + str(stage.responder.asked)


@on_virtual_time
async def test_typing_replaces_a_reply_that_plays() -> None:
    async with scene(Heard("hello"), responder=long_answer()) as stage:
        await answered(stage)
        stage.session.type_text("hi")
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "cancelled"), (2, "completed")]


@on_virtual_time
async def test_the_client_cancels_before_and_while_a_reply_sounds() -> None:
    async with scene(Heard("hello"), voice=FakeVoice(first_chunk_s=0.5)) as stage:
        stage.session.type_text("hi")
        await asyncio.sleep(0.1)
        stage.session.interrupt()
        assert stage.transport.statuses() == [(1, "cancelled")]
        await asyncio.sleep(1)
        assert (stage.voice.open, len(stage.transport.rows)) == (0, 0)
        await answered(stage)
        stage.session.interrupt()
        assert stage.state is WAITING
        sent = len(stage.transport.rows)
        await stage.quiet_for(500)
        assert len(stage.transport.rows) == sent


@on_virtual_time
async def test_turns_by_hand() -> None:
    vad = Config().vad.model_copy(update={"enabled": False})
    async with scene(Heard("hello"), Heard("again"), vad=vad, auto_reply=False) as stage:
        await stage.person_says()
        assert stage.session.commit().number == 1
        await stage.transport.wait_for(FinalTranscript)
        with pytest.raises(InvalidInput, match="empty"):
            stage.session.commit()
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone)
        assert [role for role, _ in stage.said()] == ["user", "assistant"]
        await stage.person_says()
        stage.session.clear()
        with pytest.raises(InvalidInput, match="empty"):
            stage.session.commit()
        assert stage.recogniser.streams[-1].sends[-1][1] != "end"


@on_virtual_time
async def test_a_reply_asked_for_right_after_the_commit_waits_for_the_words() -> None:
    vad = Config().vad.model_copy(update={"enabled": False})
    async with scene(Heard("hello", delay_s=0.5), vad=vad, auto_reply=False) as stage:
        await stage.person_says()
        stage.session.commit()
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone)
        assert stage.responder.asked[0][-1].text == "hello"


@on_virtual_time
async def test_committing_while_paused_interrupts() -> None:
    async with scene(Heard("hello"), Heard("again"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.commit()
        assert stage.transport.statuses() == [(1, "cancelled")]
        await stage.transport.wait_for(ReplyDone, 2)
        assert ("user", "again") in stage.said()


@on_virtual_time
async def test_clearing_while_paused_resumes() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.clear()
        assert stage.state is SPEAKING
        await stage.transport.wait_for(ReplyDone)
        assert len(fades(stage.transport.heard(1), spoken(*LONG_CLAUSES))) == 1


@on_virtual_time
async def test_switching_voice_activity_off_while_paused_resumes() -> None:
    vad = Config().vad.model_copy(update={"enabled": False})
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.update(stage.session.options.updated(vad=vad))
        assert stage.state is SPEAKING
        [left] = stage.transport.all(UtteranceLeftOpen)
        assert stage.session.commit() == left.utterance


@on_virtual_time
async def test_a_whole_recording_at_once() -> None:
    parts = [quiet(300), vowel(600), quiet(500)] * 3
    pcm = np.concatenate(parts).astype("<i2").tobytes()
    heard = [Heard("one"), Heard("two"), Heard("three")]
    async with scene(*heard, lead_in=False) as stage:
        await stage.session.feed(pcm)
        await asyncio.sleep(10)
        assert stage.state is WAITING
        assert stage.said()[0] == ("user", "one")
        assert stage.transport.statuses()[-1][1] == "completed"


@on_virtual_time
async def test_a_recogniser_that_takes_no_audio_does_not_block_the_input_for_ever() -> None:
    class Stuck:
        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *details: object) -> None:
            """Nothing to close."""

        async def send(self, pcm: bytes, **flags: bool) -> None:
            await asyncio.Event().wait()

        def __aiter__(self) -> "Stuck":
            return self

        async def __anext__(self) -> None:
            await asyncio.Event().wait()

    config = Config(triton=TritonConfig(final_transcript_timeout_ms=1000))
    async with scene(config=config) as stage:
        object.__setattr__(stage.session._services, "recognise", lambda *_: Stuck())
        await stage.person_says(4000)
        await stage.until(SessionState.IDLE)
        (failed,) = stage.transport.all(RecognitionFailed)
        assert isinstance(failed.error, ModelTimeout)
