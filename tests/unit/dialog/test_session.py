"""A turn of a conversation, end to end on virtual time."""

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, FakeVoice, Heard
from tests.unit.dialog.stage import (
    answered,
    quiet,
    scene,
    spoken,
)
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.events import SessionState
from vdx.dialog.session_events import ReplyClause, ReplyStarted, StateChanged, TurnTimed

SPEAKING = SessionState.SPEAKING
LISTENING = SessionState.LISTENING
WAITING = SessionState.WAITING_FOR_INPUT


@on_virtual_time
async def test_a_turn() -> None:
    async with scene(Heard("hello there")) as stage:
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.said() == [
            ("user", "hello there"),
            ("assistant", "One two three. Four five six."),
        ]
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.transport.heard(1), expected)
        states = [notice.state for notice in stage.transport.all(StateChanged)]
        assert states == [LISTENING, LISTENING, SPEAKING, WAITING]
        assert stage.transport.statuses() == [(1, "completed")]
        assert [clause.text for clause in stage.transport.all(ReplyClause)] == [
            "One two three. ",
            "Four five six.",
        ]


@on_virtual_time
async def test_the_recogniser_gets_the_pre_roll_and_all_that_was_said() -> None:
    async with scene(Heard("hello")) as stage:
        await stage.quiet_for(400)
        await answered(stage)
        (stream,) = stage.recogniser.streams
        # 300 ms before the onset, 500 ms of speech, and the silence up to the pause.
        assert 300 + 500 <= len(stream.received) // 32 <= 300 + 500 + 80
        assert [what for _, what in stream.sends if what != "audio"] == ["flush", "end"]


@on_virtual_time
async def test_the_stages_of_a_turn_are_timed() -> None:
    async with scene(Heard("hello", delay_s=0.03)) as stage:
        await answered(stage)
        timed = stage.transport.all(TurnTimed)[0]
        assert timed.stages["endpoint"] == pytest.approx(300, abs=1)
        assert timed.stages["final_transcript"] == pytest.approx(330, abs=1)
        assert timed.speech_end_to_first_audio_ms == timed.stages["first_audio"]
        assert timed.stages["first_audio"] == pytest.approx(330, abs=1)
        assert timed.stages["first_voice"] < timed.stages["endpoint"]


@on_virtual_time
async def test_the_preemptive_reply_is_adopted() -> None:
    async with scene(Heard("hello")) as stage:
        await answered(stage)
        assert len(stage.responder.asked) == 1
        assert stage.responder.asked[0][-1].text == "hello"
        assert stage.transport.all(ReplyStarted) == [ReplyStarted(stage.session.ids.reply(1))]


@on_virtual_time
async def test_the_preemptive_reply_to_other_words_is_thrown_away() -> None:
    async with scene(Heard(pause="hello", final="hello there")) as stage:
        await stage.person_says()
        await stage.until(WAITING)
        assert [asked[-1].text for asked in stage.responder.asked] == ["hello", "hello there"]
        assert stage.transport.statuses() == [(2, "completed")]
        assert len(stage.transport.heard(1)) == 0


@on_virtual_time
async def test_the_person_goes_on_after_the_preemptive_reply_has_started() -> None:
    async with scene(Heard("hello there")) as stage:
        await stage.hears(np.concatenate([vowel(400), quiet(200), vowel(400), quiet(500)]))
        await stage.until(WAITING)
        assert len(stage.responder.asked) == 2
        assert stage.transport.statuses() == [(2, "completed")]
        assert {reply for _, reply, _ in stage.transport.rows} == {2}


@on_virtual_time
async def test_a_held_preemptive_reply_longer_than_its_queue_can_be_dropped() -> None:
    responder = FakeResponder(default=("word " * 400,))
    voice = FakeVoice()
    async with scene(Heard("hello", delay_s=2.0), voice=voice, responder=responder) as stage:
        await stage.person_says()
        await stage.quiet_for(1000)
        assert voice.open == 1  # the queue is full and the stream waits
        await stage.hears(vowel(300))
        assert (voice.open, responder.open) == (0, 0)
        assert len(stage.transport.rows) == 0


@on_virtual_time
async def test_a_preemptive_reply_that_breaks_is_made_again() -> None:
    class BreaksOnce(FakeResponder):
        async def reply(self, messages):  # type: ignore[no-untyped-def]  # as the base
            if len(self.asked) == 0:
                self.asked.append(list(messages))
                raise ZeroDivisionError
            async for delta in super().reply(messages):
                yield delta

    async with scene(Heard("hello"), responder=BreaksOnce()) as stage:
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.transport.statuses() == [(2, "completed")]
        assert stage.said()[-1] == ("assistant", "One two three. Four five six.")
