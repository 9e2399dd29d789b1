"""A session whose voice or responder breaks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, FakeVoice, Heard
from tests.unit.dialog.stage import (
    LONG,
    LONG_CLAUSES,
    answered,
    long_answer,
    scene,
    spoken,
)
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, SessionConfig
from vdx.core.errors import (
    ModelFailed,
    ModelRejected,
    ResponderError,
    UnknownName,
)
from vdx.core.events import SessionState, SpeechChunk
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.history import Item
from vdx.dialog.session_events import ErrorOccurred, ItemsForgotten, ReplyDone
from vdx.speech.output.tts import Voice

WAITING = SessionState.WAITING_FOR_INPUT


@on_virtual_time
async def test_a_voice_that_breaks_in_mid_reply() -> None:
    error = ModelFailed("stub died", model="espeak-en")
    voice = FakeVoice(failures={LONG_CLAUSES[1]: error}, failure_after_chunks=2)
    async with scene(Heard("hello"), Heard("again"), voice=voice, responder=long_answer()) as stage:
        await answered(stage)
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.error) == ("failed", error)
        expected = spoken(LONG_CLAUSES[0], LONG_CLAUSES[1])[: len(stage.transport.heard(1))]
        assert np.array_equal(stage.transport.heard(1), expected)
        assert ended.text.startswith(LONG_CLAUSES[0])
        assert len(ended.text) < len(LONG[0] + LONG[1])
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.transport.statuses()[-1] == (2, "completed")


@on_virtual_time
async def test_a_voice_that_breaks_stops_a_responder_far_ahead() -> None:
    voice = FakeVoice(failures={"One two three.": ModelFailed("broke")})
    responder = FakeResponder(default=("One two three. ", *["And so on and so on. "] * 500))
    async with scene(Heard("hello"), voice=voice, responder=responder) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.text) == ("failed", "")
        assert responder.open == 0


@on_virtual_time
async def test_an_unknown_voice_is_a_failed_reply() -> None:
    voice = FakeVoice(failures={"One two three.": UnknownName("no such voice")})
    async with scene(Heard("hello"), voice=voice) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert isinstance(ended.error, UnknownName)
        assert stage.state is WAITING


@on_virtual_time
async def test_a_responder_that_fails_apologises() -> None:
    error = ResponderError("refused", retryable=True)
    responder = FakeResponder(answers={"hello": (error,)})
    async with scene(Heard("hello"), Heard("again"), responder=responder) as stage:
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.said()[-1] == ("assistant", "Sorry, I cannot answer right now.")
        assert stage.transport.all(ErrorOccurred) == [ErrorOccurred(error)]
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.said()[-1] == ("assistant", "One two three. Four five six.")


@on_virtual_time
async def test_a_responder_that_breaks_off_is_played_so_far_and_apologises() -> None:
    error = ResponderError("broke off", retryable=True)
    responder = FakeResponder(default=("One two three. ", error))
    async with scene(Heard("hello"), responder=responder) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert ended.status == "failed"
        assert ended.text.startswith("One two three.")
        assert ended.text.endswith("Sorry, I cannot answer right now.")


REJECTED = ModelRejected("there is no speaker 'high'", model="espeak")
APOLOGY = "Sorry, I cannot answer right now."


@on_virtual_time
async def test_a_reply_whose_every_clause_is_refused_apologises_and_fails() -> None:
    voice = FakeVoice(failures={"One two three.": REJECTED, "Four five six.": REJECTED})
    async with scene(Heard("hello"), voice=voice) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.text) == ("failed", APOLOGY)
        assert isinstance(ended.error, ModelRejected)
        assert np.array_equal(stage.transport.heard(1), spoken(APOLOGY))
        told = [each.error for each in stage.transport.all(ErrorOccurred)]
        assert told == [REJECTED, REJECTED, ended.error]
        assert "every clause" in str(ended.error)


@on_virtual_time
async def test_a_refused_speaker_is_left_out_for_the_apology() -> None:
    class NoSpeakers(FakeVoice):
        async def __call__(self, voice: Voice, text: str) -> AsyncGenerator[SpeechChunk, None]:
            if voice.speaker:
                raise REJECTED
            async with aclosing(super().__call__(voice, text)) as chunks:
                async for chunk in chunks:
                    yield chunk

    choice = VoiceChoice("espeak", "high")
    async with scene(Heard("hello"), voice=NoSpeakers(), voice_choice=choice) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.text) == ("failed", APOLOGY)


@on_virtual_time
async def test_a_voice_that_refuses_even_the_apology_fails_the_reply() -> None:
    refused = ("One two three.", "Four five six.", APOLOGY)
    voice = FakeVoice(failures=dict.fromkeys(refused, REJECTED))
    async with scene(Heard("hello"), voice=voice) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.text, stage.state) == ("failed", "", WAITING)


@pytest.mark.parametrize("fault", [ZeroDivisionError("oops"), KeyError("oops")])
def test_a_fault_in_a_stage_does_not_end_the_session(fault: Exception) -> None:
    @on_virtual_time
    async def conversation() -> None:
        responder = FakeResponder(answers={"hello": (0.6, "One two three. ", fault)})
        async with scene(Heard("hello"), Heard("again"), responder=responder) as stage:
            await stage.person_says()
            ended = await stage.transport.wait_for(ReplyDone)
            assert (ended.status, stage.state) == ("failed", WAITING)
            await stage.person_says()
            await stage.until(WAITING)
            assert stage.transport.statuses()[-1] == (2, "completed")

    conversation()


@on_virtual_time
async def test_a_reply_without_words_ends() -> None:
    async with scene(Heard("hello"), responder=FakeResponder(default=())) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert (ended.status, ended.text, stage.state) == ("completed", "", WAITING)


@on_virtual_time
async def test_an_answer_that_is_too_long_is_cut_and_the_client_told() -> None:
    config = Config(session=SessionConfig(max_item_text_bytes=1024))
    responder = FakeResponder(default=("One. ", "\u00e4 " * 10_000, "never asked for"))
    async with scene(Heard("hello"), responder=responder, config=config) as stage:
        await stage.person_says()
        ended = await stage.transport.wait_for(ReplyDone)
        assert ended.status == "failed"
        assert isinstance(ended.error, ResponderError)
        assert "1024 bytes" in ended.error.message
        apology = config.responder.apology
        assert ended.text.endswith(apology)
        assert 1000 < len(ended.text.removesuffix(apology).strip().encode()) <= 1024
        assert responder.open == 0


@on_virtual_time
async def test_speech_in_a_full_conversation_displaces_the_oldest_items() -> None:
    config = Config(session=SessionConfig(max_history_bytes=1024))
    async with scene(Heard("hello"), config=config) as stage:
        for name in "abc":
            stage.session.history.add(Item(name, "user", name * 500))
        await stage.person_says()
        await stage.transport.wait_for(ReplyDone)
        forgotten = stage.transport.all(ItemsForgotten)
        assert [name for notice in forgotten for name in notice.items] == ["a", "b"]
        assert stage.session.history.size <= 1024
