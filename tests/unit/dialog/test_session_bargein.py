"""Interruptions, true and false, with every sample accounted for."""

import asyncio

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, FakeVoice, Heard
from tests.unit.dialog.stage import (
    LONG,
    LONG_CLAUSES,
    LONG_TEXT,
    answered,
    fades,
    long_answer,
    quiet,
    scene,
    spoken,
)
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import PlayoutConfig
from vdx.core.events import SessionState
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.session_events import (
    PlayoutPaused,
    PlayoutResumed,
    ReplyDone,
    TurnTimed,
    UtteranceDropped,
)

SPEAKING = SessionState.SPEAKING
LISTENING = SessionState.LISTENING
BARGED_IN = SessionState.BARGED_IN
WAITING = SessionState.WAITING_FOR_INPUT


@on_virtual_time
async def test_a_false_interruption_loses_and_doubles_nothing() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.hears(vowel(300))
        assert stage.state is BARGED_IN
        await stage.until(SPEAKING)
        await stage.until(WAITING)
        assert len(fades(stage.transport.heard(1), spoken(*LONG_CLAUSES))) == 1
        assert stage.transport.statuses() == [(1, "completed")]
        assert stage.said()[-1] == ("assistant", LONG_TEXT)
        paused, resumed = stage.transport.all(PlayoutPaused), stage.transport.all(PlayoutResumed)
        assert len(paused) == len(resumed) == 1
        (when_paused,) = stage.transport.times(PlayoutPaused)
        (when_resumed,) = stage.transport.times(PlayoutResumed)
        assert not [t for t, _, _ in stage.transport.rows if when_paused < t < when_resumed]
        assert resumed[0].played_ms - paused[0].played_ms <= PlayoutConfig().output_lead_ms + 20
        [dropped] = stage.transport.all(UtteranceDropped)
        assert dropped.utterance == stage.session.ids.utterance(2)
        assert stage.recogniser.streams[1].sends[-1][1] == "end", "its words may be a turn"


@on_virtual_time
async def test_an_interruption_cancels_and_keeps_what_was_played() -> None:
    async with scene(Heard("hello"), Heard("and more"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1100)
        await stage.hears(vowel(900))
        (cancelled,) = [e for e in stage.transport.all(ReplyDone) if e.reply.number == 1]
        assert (cancelled.status, cancelled.reason) == ("cancelled", "interrupted")
        when = stage.transport.times(ReplyDone)[0]
        assert not [t for t, reply, _ in stage.transport.rows if reply == 1 and t >= when]
        heard = stage.transport.heard(1)
        assert np.array_equal(heard, spoken(*LONG_CLAUSES)[: len(heard)])
        assert 0 <= len(heard) // 48 - cancelled.played_ms <= 60
        # 60 ms a character: a word counts when its middle was played.
        assert LONG_TEXT.startswith(cancelled.text)
        following = LONG_TEXT[len(cancelled.text) :].split()[0]
        middle = (len(cancelled.text) + 1 + len(following) / 2) * 60
        assert cancelled.played_ms < middle
        last = cancelled.text.split()[-1]
        assert cancelled.played_ms >= (len(cancelled.text) - len(last) / 2) * 60
        assert stage.voice.open <= 1
        await stage.until(WAITING)
        assert stage.said()[1:3] == [("assistant", cancelled.text), ("user", "and more")]


@on_virtual_time
async def test_the_turn_of_an_interruption_is_timed_from_its_own_end() -> None:
    async with scene(Heard("hello"), Heard("and more"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(900)
        await stage.until(SPEAKING)
        first, second = stage.transport.all(TurnTimed)
        assert (first.reply.number, second.reply.number) == (1, 2)
        assert second.speech_end_to_first_audio_ms == pytest.approx(310, abs=1)
        assert second.stages["endpoint"] == pytest.approx(300, abs=1)


@on_virtual_time
async def test_a_turn_confirmed_only_in_its_pause_is_timed_all_the_same() -> None:
    async with scene(Heard("hello"), Heard("stop"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(300)
        await stage.until(SPEAKING)
        second = stage.transport.all(TurnTimed)[1]
        assert second.speech_end_to_first_audio_ms == pytest.approx(310, abs=1)


@on_virtual_time
async def test_a_cancelled_reply_that_breaks_while_it_closes_harms_no_other() -> None:
    class BreaksWhenClosed(FakeResponder):
        async def reply(self, messages):  # type: ignore[no-untyped-def]  # as the base
            try:
                async for delta in super().reply(messages):
                    yield delta
                await asyncio.sleep(60)
            finally:
                raise ZeroDivisionError

    async with scene(responder=BreaksWhenClosed(default=("One two three. ",))) as stage:
        stage.session.type_text("first")
        await asyncio.sleep(0.2)
        stage.session.type_text("second")
        await asyncio.sleep(0.5)
        assert stage.transport.statuses() == [(1, "cancelled")]
        assert stage.state is SPEAKING
        stage.session.interrupt()
        await asyncio.sleep(0.1)
        assert stage.transport.statuses() == [(1, "cancelled"), (2, "cancelled")]


@on_virtual_time
async def test_an_interrupt_word_confirms_before_the_time_is_up() -> None:
    async with scene(Heard("hello"), Heard("stop"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(300))
        stage.recogniser.streams[1].say("stop")
        await stage.quiet_for(20)
        assert stage.transport.statuses() == [(1, "cancelled")]
        assert stage.state is LISTENING


@on_virtual_time
async def test_an_interruption_between_two_clauses_keeps_whole_clauses() -> None:
    first = LONG_CLAUSES[0]
    responder = FakeResponder(default=(LONG[0], 5.0, LONG[1]))
    async with scene(Heard("hello"), Heard("what"), responder=responder) as stage:
        await answered(stage)
        await asyncio.sleep(len(first) * 0.06)
        assert len(stage.transport.heard(1)) == len(spoken(first))
        assert stage.state is SPEAKING
        await stage.hears(vowel(800))
        assert stage.transport.all(ReplyDone)[0].text == first
        assert responder.open == 0


@on_virtual_time
async def test_a_false_interruption_between_two_clauses() -> None:
    responder = FakeResponder(default=(LONG[0], 3.0, LONG[1]))
    async with scene(Heard("hello"), Heard(""), responder=responder) as stage:
        await answered(stage)
        await asyncio.sleep(len(LONG[0]) * 0.06)
        await stage.hears(vowel(200))
        assert stage.state is BARGED_IN
        await stage.until(WAITING)
        assert len(fades(stage.transport.heard(1), spoken(*LONG_CLAUSES[:2]))) <= 1
        assert stage.transport.statuses() == [(1, "completed")]


@on_virtual_time
async def test_a_second_interruption_right_after_the_resume() -> None:
    async with scene(Heard("hello"), Heard("uh"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        for _ in range(2):
            await stage.hears(vowel(250))
            assert stage.state is BARGED_IN
            await stage.until(SPEAKING)
        await stage.until(WAITING)
        assert len(fades(stage.transport.heard(1), spoken(*LONG_CLAUSES))) == 2
        assert len(stage.transport.all(PlayoutResumed)) == 2


@on_virtual_time
async def test_noise_before_the_first_audio_of_the_reply() -> None:
    voice = FakeVoice(first_chunk_s=1.0)
    async with scene(Heard("hello"), Heard(""), voice=voice) as stage:
        await stage.person_says(silence_ms=400)
        await stage.hears(np.concatenate([vowel(200), quiet(200)]))
        assert stage.state is BARGED_IN
        assert len(stage.transport.rows) == 0
        await stage.until(WAITING)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.transport.heard(1), expected)  # nothing to fade in
        timed = stage.transport.all(TurnTimed)[0]
        assert timed.speech_end_to_first_audio_ms > 800, "counted from the turn, not the noise"


@on_virtual_time
async def test_an_onset_at_the_very_end_of_the_reply() -> None:
    async with scene(Heard("hello"), Heard("thanks")) as stage:
        await answered(stage)
        length = len(spoken("One two three.", "Four five six.")) / 48_000
        await stage.quiet_for(length * 1000 - 190)
        await stage.person_says(300)
        await stage.until(WAITING)
        assert len(stage.transport.all(PlayoutPaused)) == 1, "the onset came in time"
        assert stage.transport.all(PlayoutResumed) == [], "but nothing was left to send"
        assert len(stage.transport.heard(1)) == length * 48_000
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]
        assert ("user", "thanks") in stage.said()


@on_virtual_time
async def test_the_voice_is_swapped_while_paused() -> None:
    responder = FakeResponder(default=(LONG[0], 1.5, LONG[1]))
    async with scene(Heard("hello"), Heard("uh"), responder=responder) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        assert stage.state is BARGED_IN
        stage.session.update(stage.session.options.updated(voice_choice=VoiceChoice("other")))
        await stage.until(SPEAKING)
        await stage.until(WAITING)
        assert [model for model, _ in stage.voice.requests] == ["espeak", "other"]
        expected = np.concatenate([spoken(LONG_CLAUSES[0]), spoken(LONG_CLAUSES[1], model="other")])
        assert len(fades(stage.transport.heard(1), expected)) == 1


@on_virtual_time
async def test_input_that_stops_while_paused_counts_as_silence() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        assert stage.state is BARGED_IN
        await asyncio.sleep(0.45)
        assert stage.state is SPEAKING
        await stage.transport.wait_for(ReplyDone)
        assert len(fades(stage.transport.heard(1), spoken(*LONG_CLAUSES))) == 1


@on_virtual_time
async def test_input_that_stops_in_a_turn_ends_it() -> None:
    async with scene(Heard("hello")) as stage:
        await stage.hears(vowel(500))
        await stage.transport.wait_for(ReplyDone)
        assert stage.said()[0] == ("user", "hello")


@on_virtual_time
async def test_without_word_times_the_history_is_cut_in_proportion() -> None:
    voice = FakeVoice(words=False)
    async with scene(Heard("hello"), Heard("no"), voice=voice, responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1000)
        await stage.hears(vowel(900))
        cancelled = stage.transport.all(ReplyDone)[0]
        spoken_characters = cancelled.played_ms / 60
        assert abs(len(cancelled.text) - spoken_characters) <= len("eleven.")
        assert LONG_TEXT.startswith(cancelled.text)


@on_virtual_time
async def test_barge_in_can_be_switched_off() -> None:
    async with scene(Heard("hello"), Heard("and you"), barge_in=False) as stage:
        await answered(stage)
        await stage.person_says(800)
        await stage.transport.wait_for(ReplyDone, 2)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.transport.heard(1), expected)
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]


@on_virtual_time
async def test_a_slow_reader_gets_every_sample_once() -> None:
    async with scene(Heard("hello")) as stage:
        stage.transport.slow_s = 0.05
        await stage.person_says()
        await stage.until(WAITING)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.transport.heard(1), expected)
