"""The races of a conversation, end to end on virtual time, with every sample accounted for."""

import asyncio
from typing import Self

import numpy as np
import pytest

from frontend.core.audio import SPEAK_FRAME, fade_in
from frontend.core.config import Config, PlayoutConfig, SessionConfig, TritonConfig
from frontend.core.errors import (
    InvalidInput,
    ModelFailed,
    ModelTimeout,
    ResponderError,
    TritonUnavailable,
    UnknownName,
)
from frontend.core.events import SessionState
from frontend.dialog import notices as n
from tests.unit.dialog.fakes import FakeResponder, FakeVoice, Heard, utter
from tests.unit.dialog.stage import Scene, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time

SPEAKING = SessionState.SPEAKING
LISTENING = SessionState.LISTENING
BARGED_IN = SessionState.BARGED_IN
WAITING = SessionState.WAITING_FOR_INPUT
TERMINATED = SessionState.TERMINATED

LONG = ("One two three four five. ", "Six seven eight nine ten eleven. ", "Twelve and so on.")
LONG_CLAUSES = [part.strip() for part in LONG]
LONG_TEXT = "".join(LONG)


def long_answer() -> FakeResponder:
    return FakeResponder(default=LONG)


def spoken(*clauses: str, model: str = "espeak-en") -> np.ndarray:
    return np.concatenate([utter(model, clause).reshape(-1) for clause in clauses])


def fades(played: np.ndarray, expected: np.ndarray) -> list[int]:
    """The frames of `played` that are a faded copy of the expected ones; all others are equal."""
    assert len(played) == len(expected)
    faded = []
    for frame, (got, want) in enumerate(
        zip(played.reshape(-1, SPEAK_FRAME), expected.reshape(-1, SPEAK_FRAME), strict=True)
    ):
        if not np.array_equal(got, want):
            assert np.array_equal(got, fade_in(want, 5 * 48)), f"frame {frame} is neither"
            faded.append(frame)
    return faded


async def answered(stage: Scene) -> None:
    """The person says something, and the answer begins."""
    await stage.person_says()
    await stage.until(SPEAKING)


# --- a turn -------------------------------------------------------------------------------------


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
        assert np.array_equal(stage.audience.heard(1), expected)
        states = [notice.state for notice in stage.audience.all(n.StateChanged)]
        assert states == [LISTENING, LISTENING, SPEAKING, WAITING]
        assert stage.audience.statuses() == [(1, "completed")]
        assert [clause.text for clause in stage.audience.all(n.ReplyClause)] == [
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
        timed = stage.audience.all(n.TurnTimed)[0]
        assert timed.stages["endpoint"] == pytest.approx(300, abs=1)
        assert timed.stages["final_transcript"] == pytest.approx(330, abs=1)
        assert timed.speech_end_to_first_audio_ms == timed.stages["first_audio"]
        assert timed.stages["first_audio"] == pytest.approx(330, abs=1)
        assert timed.stages["first_voice"] < timed.stages["endpoint"]


# --- preemptive replies -------------------------------------------------------------------------


@on_virtual_time
async def test_the_preemptive_reply_is_adopted() -> None:
    async with scene(Heard("hello")) as stage:
        await answered(stage)
        assert len(stage.responder.asked) == 1
        assert stage.responder.asked[0][-1].text == "hello"
        assert stage.audience.all(n.ReplyStarted) == [n.ReplyStarted(1)]


@on_virtual_time
async def test_the_preemptive_reply_to_other_words_is_thrown_away() -> None:
    async with scene(Heard(pause="hello", final="hello there")) as stage:
        await stage.person_says()
        await stage.until(WAITING)
        assert [asked[-1].text for asked in stage.responder.asked] == ["hello", "hello there"]
        assert stage.audience.statuses() == [(2, "completed")]
        assert len(stage.audience.heard(1)) == 0


@on_virtual_time
async def test_the_person_goes_on_after_the_preemptive_reply_has_started() -> None:
    async with scene(Heard("hello there")) as stage:
        await stage.hears(np.concatenate([vowel(400), quiet(200), vowel(400), quiet(500)]))
        await stage.until(WAITING)
        assert len(stage.responder.asked) == 2
        assert stage.audience.statuses() == [(2, "completed")]
        assert {reply for _, reply, _ in stage.audience.rows} == {2}


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
        assert len(stage.audience.rows) == 0


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
        assert stage.audience.statuses() == [(2, "completed")]
        assert stage.said()[-1] == ("assistant", "One two three. Four five six.")


# --- barge-in -----------------------------------------------------------------------------------


@on_virtual_time
async def test_a_false_interruption_loses_and_doubles_nothing() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.hears(vowel(300))
        assert stage.state is BARGED_IN
        await stage.until(SPEAKING)
        await stage.until(WAITING)
        assert len(fades(stage.audience.heard(1), spoken(*LONG_CLAUSES))) == 1
        assert stage.audience.statuses() == [(1, "completed")]
        assert stage.said()[-1] == ("assistant", LONG_TEXT)
        paused, resumed = stage.audience.all(n.PlayoutPaused), stage.audience.all(n.PlayoutResumed)
        assert len(paused) == len(resumed) == 1
        (when_paused,) = stage.audience.times(n.PlayoutPaused)
        (when_resumed,) = stage.audience.times(n.PlayoutResumed)
        assert not [t for t, _, _ in stage.audience.rows if when_paused < t < when_resumed]
        assert resumed[0].played_ms - paused[0].played_ms <= PlayoutConfig().output_lead_ms + 20
        assert stage.audience.all(n.UtteranceDropped) == [n.UtteranceDropped(2)]
        assert stage.recogniser.streams[1].sends[-1][1] == "cancel"


@on_virtual_time
async def test_an_interruption_cancels_and_keeps_what_was_played() -> None:
    async with scene(Heard("hello"), Heard("and more"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.hears(vowel(900))
        (cancelled,) = [e for e in stage.audience.all(n.ReplyEnded) if e.reply == 1]
        assert (cancelled.status, cancelled.reason) == ("cancelled", "interrupted")
        when = stage.audience.times(n.ReplyEnded)[0]
        assert not [t for t, reply, _ in stage.audience.rows if reply == 1 and t >= when]
        heard = stage.audience.heard(1)
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
        first, second = stage.audience.all(n.TurnTimed)
        assert (first.reply, second.reply) == (1, 2)
        assert second.speech_end_to_first_audio_ms == pytest.approx(310, abs=1)
        assert second.stages["endpoint"] == pytest.approx(300, abs=1)


@on_virtual_time
async def test_a_turn_confirmed_only_in_its_pause_is_timed_all_the_same() -> None:
    async with scene(Heard("hello"), Heard("stop"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(300)
        await stage.until(SPEAKING)
        second = stage.audience.all(n.TurnTimed)[1]
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
        assert stage.audience.statuses() == [(1, "cancelled")]
        assert stage.state is SPEAKING
        stage.session.interrupt()
        await asyncio.sleep(0.1)
        assert stage.audience.statuses() == [(1, "cancelled"), (2, "cancelled")]


@on_virtual_time
async def test_an_interrupt_word_confirms_before_the_time_is_up() -> None:
    async with scene(Heard("hello"), Heard("stop"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(300))
        stage.recogniser.streams[1].say("stop")
        await stage.quiet_for(20)
        assert stage.audience.statuses() == [(1, "cancelled")]
        assert stage.state is LISTENING


@on_virtual_time
async def test_an_interruption_between_two_clauses_keeps_whole_clauses() -> None:
    first = LONG_CLAUSES[0]
    responder = FakeResponder(default=(LONG[0], 5.0, LONG[1]))
    async with scene(Heard("hello"), Heard("what"), responder=responder) as stage:
        await answered(stage)
        await asyncio.sleep(len(first) * 0.06)
        assert len(stage.audience.heard(1)) == len(spoken(first))
        assert stage.state is SPEAKING
        await stage.hears(vowel(800))
        assert stage.audience.all(n.ReplyEnded)[0].text == first
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
        assert len(fades(stage.audience.heard(1), spoken(*LONG_CLAUSES[:2]))) <= 1
        assert stage.audience.statuses() == [(1, "completed")]


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
        assert len(fades(stage.audience.heard(1), spoken(*LONG_CLAUSES))) == 2
        assert len(stage.audience.all(n.PlayoutResumed)) == 2


@on_virtual_time
async def test_noise_before_the_first_audio_of_the_reply() -> None:
    voice = FakeVoice(first_chunk_s=1.0)
    async with scene(Heard("hello"), Heard(""), voice=voice) as stage:
        await stage.person_says(silence_ms=400)
        await stage.hears(np.concatenate([vowel(200), quiet(200)]))
        assert stage.state is BARGED_IN
        assert len(stage.audience.rows) == 0
        await stage.until(WAITING)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.audience.heard(1), expected)  # nothing to fade in
        timed = stage.audience.all(n.TurnTimed)[0]
        assert timed.speech_end_to_first_audio_ms > 800, "counted from the turn, not the noise"


@on_virtual_time
async def test_an_onset_at_the_very_end_of_the_reply() -> None:
    async with scene(Heard("hello"), Heard("thanks")) as stage:
        await answered(stage)
        length = len(spoken("One two three.", "Four five six.")) / 48_000
        await stage.quiet_for(length * 1000 - 210)
        await stage.person_says(300)
        await stage.until(WAITING)
        assert len(stage.audience.all(n.PlayoutPaused)) == 1, "the onset came in time"
        assert stage.audience.all(n.PlayoutResumed) == [], "but nothing was left to send"
        assert len(stage.audience.heard(1)) == length * 48_000
        assert stage.audience.statuses() == [(1, "completed"), (2, "completed")]
        assert ("user", "thanks") in stage.said()


@on_virtual_time
async def test_the_voice_is_swapped_while_paused() -> None:
    responder = FakeResponder(default=(LONG[0], 1.5, LONG[1]))
    async with scene(Heard("hello"), Heard("uh"), responder=responder) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        assert stage.state is BARGED_IN
        stage.session.update(stage.session.options.updated(voice="other"))
        await stage.until(SPEAKING)
        await stage.until(WAITING)
        assert [model for model, _ in stage.voice.requests] == ["espeak-en", "other"]
        expected = np.concatenate([spoken(LONG_CLAUSES[0]), spoken(LONG_CLAUSES[1], model="other")])
        assert len(fades(stage.audience.heard(1), expected)) == 1


@on_virtual_time
async def test_input_that_stops_while_paused_counts_as_silence() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        assert stage.state is BARGED_IN
        await asyncio.sleep(0.45)
        assert stage.state is SPEAKING
        await stage.audience.wait_for(n.ReplyEnded)
        assert len(fades(stage.audience.heard(1), spoken(*LONG_CLAUSES))) == 1


@on_virtual_time
async def test_input_that_stops_in_a_turn_ends_it() -> None:
    async with scene(Heard("hello")) as stage:
        await stage.hears(vowel(500))
        await stage.audience.wait_for(n.ReplyEnded)
        assert stage.said()[0] == ("user", "hello")


@on_virtual_time
async def test_without_word_times_the_history_is_cut_in_proportion() -> None:
    voice = FakeVoice(words=False)
    async with scene(Heard("hello"), Heard("no"), voice=voice, responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1000)
        await stage.hears(vowel(900))
        cancelled = stage.audience.all(n.ReplyEnded)[0]
        spoken_characters = cancelled.played_ms / 60
        assert abs(len(cancelled.text) - spoken_characters) <= len("eleven.")
        assert LONG_TEXT.startswith(cancelled.text)


@on_virtual_time
async def test_barge_in_can_be_switched_off() -> None:
    async with scene(Heard("hello"), Heard("and you"), barge_in=False) as stage:
        await answered(stage)
        await stage.person_says(800)
        await stage.audience.wait_for(n.ReplyEnded, 2)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.audience.heard(1), expected)
        assert stage.audience.statuses() == [(1, "completed"), (2, "completed")]


@on_virtual_time
async def test_a_slow_reader_gets_every_sample_once() -> None:
    async with scene(Heard("hello")) as stage:
        stage.audience.slow_s = 0.05
        await stage.person_says()
        await stage.until(WAITING)
        expected = spoken("One two three.", "Four five six.")
        assert np.array_equal(stage.audience.heard(1), expected)


# --- the recogniser -----------------------------------------------------------------------------


@on_virtual_time
async def test_a_final_that_comes_late() -> None:
    async with scene(Heard("hello", pause="", delay_s=1.5)) as stage:
        await stage.person_says()
        assert stage.session.state is LISTENING
        await stage.until(WAITING)
        assert stage.said()[0] == ("user", "hello")


@on_virtual_time
async def test_a_final_that_comes_after_another_reply_began() -> None:
    async with scene(Heard("hello", pause="", delay_s=1.0)) as stage:
        await stage.person_says()
        stage.session.type_text("typed")
        await stage.audience.wait_for(n.ReplyEnded, 2)
        assert [item.role for item in stage.session.history] == [
            "user",
            "assistant",
            "user",
            "assistant",
        ]
        assert stage.responder.asked[-1][-1].text == "hello"


@on_virtual_time
async def test_an_empty_final_is_no_turn() -> None:
    async with scene(Heard("")) as stage:
        await stage.person_says()
        await stage.quiet_for(200)
        assert stage.state is SessionState.IDLE
        assert stage.said() == []
        assert stage.audience.all(n.UserSaid) == [n.UserSaid(1, "")]


@pytest.mark.parametrize(
    ("plan", "kind"),
    [
        (Heard(error=ModelFailed("broke")), ModelFailed),
        (Heard(error_on_open=TritonUnavailable("gone")), TritonUnavailable),
        (Heard(error_on_open=UnknownName("no such model")), UnknownName),
        (Heard(silent_end=True), ModelFailed),
        (Heard(hangs=True), ModelTimeout),
    ],
)
def test_a_recogniser_that_fails_leaves_the_next_turn_alone(plan: Heard, kind: type) -> None:
    @on_virtual_time
    async def conversation() -> None:
        async with scene(plan, Heard("hello")) as stage:
            await stage.person_says(3000)  # longer than the backlog
            await stage.until(SessionState.IDLE)
            (failed,) = stage.audience.all(n.HearingFailed)
            assert isinstance(failed.error, kind)
            await stage.person_says()
            await stage.until(WAITING)
            assert stage.said()[0] == ("user", "hello")

    conversation()


@on_virtual_time
async def test_a_fault_in_the_recogniser_stage_is_a_failed_turn() -> None:
    class Faulty:
        async def __aenter__(self) -> None:
            raise ZeroDivisionError

        async def __aexit__(self, *details: object) -> None:
            raise AssertionError

    async with scene(Heard("hello")) as stage:
        good = stage.session._services.recognise
        object.__setattr__(stage.session._services, "recognise", lambda *_: Faulty())
        await stage.person_says()
        await stage.until(SessionState.IDLE)
        assert len(stage.audience.all(n.HearingFailed)) == 1
        object.__setattr__(stage.session._services, "recognise", good)
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.said()[0] == ("user", "hello")


@on_virtual_time
async def test_the_recogniser_is_swapped_at_the_next_utterance() -> None:
    async with scene(Heard("hello"), Heard("again")) as stage:
        await stage.hears(vowel(300))
        stage.session.update(stage.session.options.updated(recogniser="other-asr"))
        await stage.person_says()
        await stage.until(WAITING)
        await stage.person_says()
        assert [s.recogniser for s in stage.recogniser.streams] == ["fake-asr", "other-asr"]


@on_virtual_time
async def test_a_voice_too_quiet_to_be_heard_gets_a_hint() -> None:
    async with scene() as stage:
        await stage.hears(vowel(8000, rms=150.0))
        (hint,) = stage.audience.all(n.LevelHint)
        assert hint.rms < hint.threshold
        assert stage.state is SessionState.IDLE


@on_virtual_time
async def test_a_session_that_does_not_listen() -> None:
    async with scene(recogniser="") as stage:
        await stage.person_says()
        assert stage.recogniser.streams == []
        stage.session.type_text("hi")
        await stage.audience.wait_for(n.ReplyEnded)
        assert stage.audience.statuses() == [(1, "completed")]


# --- the voice and the responder ----------------------------------------------------------------


@on_virtual_time
async def test_a_voice_that_breaks_in_mid_reply() -> None:
    error = ModelFailed("stub died", model="espeak-en")
    voice = FakeVoice(failures={LONG_CLAUSES[1]: error}, failure_after_chunks=2)
    async with scene(Heard("hello"), Heard("again"), voice=voice, responder=long_answer()) as stage:
        await answered(stage)
        ended = await stage.audience.wait_for(n.ReplyEnded)
        assert (ended.status, ended.error) == ("failed", error)
        expected = spoken(LONG_CLAUSES[0], LONG_CLAUSES[1])[: len(stage.audience.heard(1))]
        assert np.array_equal(stage.audience.heard(1), expected)
        assert ended.text.startswith(LONG_CLAUSES[0])
        assert len(ended.text) < len(LONG[0] + LONG[1])
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.audience.statuses()[-1] == (2, "completed")


@on_virtual_time
async def test_a_voice_that_breaks_stops_a_responder_far_ahead() -> None:
    voice = FakeVoice(failures={"One two three.": ModelFailed("broke")})
    responder = FakeResponder(default=("One two three. ", *["And so on and so on. "] * 500))
    async with scene(Heard("hello"), voice=voice, responder=responder) as stage:
        await stage.person_says()
        ended = await stage.audience.wait_for(n.ReplyEnded)
        assert (ended.status, ended.text) == ("failed", "")
        assert responder.open == 0


@on_virtual_time
async def test_an_unknown_voice_is_a_failed_reply() -> None:
    voice = FakeVoice(failures={"One two three.": UnknownName("no such voice")})
    async with scene(Heard("hello"), voice=voice) as stage:
        await stage.person_says()
        ended = await stage.audience.wait_for(n.ReplyEnded)
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
        assert stage.audience.all(n.Trouble) == [n.Trouble(error)]
        await stage.person_says()
        await stage.until(WAITING)
        assert stage.said()[-1] == ("assistant", "One two three. Four five six.")


@on_virtual_time
async def test_a_responder_that_breaks_off_is_played_so_far_and_apologises() -> None:
    error = ResponderError("broke off", retryable=True)
    responder = FakeResponder(default=("One two three. ", error))
    async with scene(Heard("hello"), responder=responder) as stage:
        await stage.person_says()
        ended = await stage.audience.wait_for(n.ReplyEnded)
        assert ended.status == "failed"
        assert ended.text.startswith("One two three.")
        assert ended.text.endswith("Sorry, I cannot answer right now.")


@pytest.mark.parametrize("fault", [ZeroDivisionError("oops"), KeyError("oops")])
def test_a_fault_in_a_stage_does_not_end_the_session(fault: Exception) -> None:
    @on_virtual_time
    async def conversation() -> None:
        responder = FakeResponder(answers={"hello": (0.6, "One two three. ", fault)})
        async with scene(Heard("hello"), Heard("again"), responder=responder) as stage:
            await stage.person_says()
            ended = await stage.audience.wait_for(n.ReplyEnded)
            assert (ended.status, stage.state) == ("failed", WAITING)
            await stage.person_says()
            await stage.until(WAITING)
            assert stage.audience.statuses()[-1] == (2, "completed")

    conversation()


@on_virtual_time
async def test_a_reply_without_words_ends() -> None:
    async with scene(Heard("hello"), responder=FakeResponder(default=())) as stage:
        await stage.person_says()
        ended = await stage.audience.wait_for(n.ReplyEnded)
        assert (ended.status, ended.text, stage.state) == ("completed", "", WAITING)


# --- what clients ask for -----------------------------------------------------------------------


@on_virtual_time
async def test_greeting_typing_and_asking() -> None:
    async with scene(greeting="Good morning.", lead_in=False) as stage:
        await stage.audience.wait_for(n.ReplyEnded)
        assert stage.said() == [("assistant", "Good morning.")]
        assert stage.responder.asked == []
        stage.session.type_text("hi")
        await stage.audience.wait_for(n.ReplyEnded, 2)
        stage.session.request_reply("be brief")
        await stage.audience.wait_for(n.ReplyEnded, 3)
        assert stage.responder.asked[1][0].text == "be brief"
        assert stage.audience.statuses() == [(1, "completed"), (2, "completed"), (3, "completed")]


@on_virtual_time
async def test_words_to_say_that_come_too_late_are_not_said_later() -> None:
    async with scene(greeting="Good morning.", lead_in=False) as stage:
        await stage.audience.wait_for(n.ReplyStarted)
        stage.session.say("too late")
        stage.session.request_reply("too late")
        await stage.audience.wait_for(n.ReplyEnded)
        stage.session.type_text("hi")
        await stage.audience.wait_for(n.ReplyEnded, 2)
        assert "too late" not in str(stage.said()) + str(stage.responder.asked)


@on_virtual_time
async def test_typing_replaces_a_reply_that_plays() -> None:
    async with scene(Heard("hello"), responder=long_answer()) as stage:
        await answered(stage)
        stage.session.type_text("hi")
        await stage.audience.wait_for(n.ReplyEnded, 2)
        assert stage.audience.statuses() == [(1, "cancelled"), (2, "completed")]


@on_virtual_time
async def test_the_client_cancels_before_and_while_a_reply_sounds() -> None:
    async with scene(Heard("hello"), voice=FakeVoice(first_chunk_s=0.5)) as stage:
        stage.session.type_text("hi")
        await asyncio.sleep(0.1)
        stage.session.interrupt()
        assert stage.audience.statuses() == [(1, "cancelled")]
        await asyncio.sleep(1)
        assert (stage.voice.open, len(stage.audience.rows)) == (0, 0)
        await answered(stage)
        stage.session.interrupt()
        assert stage.state is WAITING
        sent = len(stage.audience.rows)
        await stage.quiet_for(500)
        assert len(stage.audience.rows) == sent


@on_virtual_time
async def test_turns_by_hand() -> None:
    vad = Config().vad.model_copy(update={"enabled": False})
    async with scene(Heard("hello"), Heard("again"), vad=vad, auto_reply=False) as stage:
        await stage.person_says()
        assert stage.session.commit() == -1
        await stage.audience.wait_for(n.UserSaid)
        with pytest.raises(InvalidInput, match="empty"):
            stage.session.commit()
        stage.session.request_reply()
        await stage.audience.wait_for(n.ReplyEnded)
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
        await stage.audience.wait_for(n.ReplyEnded)
        assert stage.responder.asked[0][-1].text == "hello"


@on_virtual_time
async def test_committing_while_paused_interrupts() -> None:
    async with scene(Heard("hello"), Heard("again"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.commit()
        assert stage.audience.statuses() == [(1, "cancelled")]
        await stage.audience.wait_for(n.ReplyEnded, 2)
        assert ("user", "again") in stage.said()


@on_virtual_time
async def test_clearing_while_paused_resumes() -> None:
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.clear()
        assert stage.state is SPEAKING
        await stage.audience.wait_for(n.ReplyEnded)
        assert len(fades(stage.audience.heard(1), spoken(*LONG_CLAUSES))) == 1


@on_virtual_time
async def test_switching_voice_activity_off_while_paused_resumes() -> None:
    vad = Config().vad.model_copy(update={"enabled": False})
    async with scene(Heard("hello"), Heard("uh"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(300)
        await stage.hears(vowel(250))
        stage.session.update(stage.session.options.updated(vad=vad))
        assert stage.state is SPEAKING
        assert len(stage.audience.all(n.UtteranceDropped)) == 1


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
        assert stage.audience.statuses()[-1][1] == "completed"


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
        (failed,) = stage.audience.all(n.HearingFailed)
        assert isinstance(failed.error, ModelTimeout)


# --- the end ------------------------------------------------------------------------------------


def limited(**limits: float) -> Config:
    return Config(session=SessionConfig(**limits))  # type: ignore[arg-type]  # numbers of either kind


@on_virtual_time
async def test_the_idle_limit() -> None:
    async with scene(Heard("hello"), config=limited(idle_timeout_seconds=5)) as stage:
        await answered(stage)
        ended_at = (await stage.audience.wait_for(n.ReplyEnded), stage.audience.times(n.ReplyEnded))
        assert await stage.run == "idle_timeout"
        (over,) = stage.audience.times(n.SessionEnded)
        assert over - ended_at[1][0] == pytest.approx(5, abs=0.1)


@on_virtual_time
async def test_the_limit_is_reached_while_speaking() -> None:
    config = limited(max_session_duration_seconds=2)
    async with scene(Heard("hello"), config=config, responder=long_answer()) as stage:
        await answered(stage)
        assert await stage.run == "max_session_duration"
        ended = stage.audience.all(n.ReplyEnded)[0]
        assert (ended.status, ended.reason) == ("cancelled", "max_session_duration")
        assert stage.said()[-1] == ("assistant", ended.text)
        assert stage.state is TERMINATED
        kinds = [type(notice) for _, notice in stage.audience.notices]
        assert kinds[-3:] == [n.ReplyEnded, n.SessionEnded, n.StateChanged]


@on_virtual_time
async def test_the_limit_of_messages_lets_the_last_reply_end() -> None:
    heard = [Heard("one"), Heard("two"), Heard("three")]
    async with scene(*heard, config=limited(max_messages_per_session=4)) as stage:
        await answered(stage)
        await stage.until(WAITING)
        await answered(stage)
        assert await stage.run == "max_messages"
        assert stage.audience.statuses() == [(1, "completed"), (2, "completed")]


@on_virtual_time
async def test_no_limits() -> None:
    config = limited(
        idle_timeout_seconds=0, max_session_duration_seconds=0, max_messages_per_session=0
    )
    async with scene(config=config) as stage:
        await asyncio.sleep(4_000)
        assert not stage.run.done()


@pytest.mark.parametrize("moment", ["speech", "thinking", "speaking", "barged_in", "prepared"])
@pytest.mark.parametrize("cancel", [False, True])
def test_closing_frees_everything_within_a_second(moment: str, cancel: bool) -> None:
    @on_virtual_time
    async def conversation() -> None:
        loop = asyncio.get_running_loop()
        slow = Heard("hello", pause="" if moment == "thinking" else None, delay_s=0.5)
        async with scene(slow, Heard(hangs=True), responder=long_answer()) as stage:
            await stage.hears(vowel(400))
            if moment == "prepared":
                await stage.quiet_for(200)
            elif moment == "thinking":
                await stage.quiet_for(400)
            elif moment != "speech":
                await stage.until(SPEAKING)
            if moment == "barged_in":
                await stage.quiet_for(300)
                await stage.hears(vowel(200))
            began = loop.time()
            if cancel:
                stage.run.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await stage.run
            else:
                stage.session.close("gone")
                assert await stage.run == "gone"
            assert loop.time() - began < 1.0
            assert len(asyncio.all_tasks()) == 1
            assert stage.state is TERMINATED
            assert stage.audience.all(n.SessionEnded)
            assert all(item.status != "in_progress" for item in stage.session.history)
            await stage.session.feed(vowel(3000).astype("<i2").tobytes())
            assert len(asyncio.all_tasks()) == 1

    conversation()


@on_virtual_time
async def test_closing_while_a_recording_is_worked_off() -> None:
    async with scene(Heard(hangs=True)) as stage:
        feeding = asyncio.create_task(
            stage.session.feed(vowel(60_000).astype("<i2").tobytes()), name="feeding"
        )
        await asyncio.sleep(0.5)
        stage.session.close()
        await feeding
        assert await stage.run == "closed"


@on_virtual_time
async def test_what_comes_before_the_session_runs_waits_for_it() -> None:
    async with scene(lead_in=False) as made:
        options, services = made.session.options, made.session._services
        session = type(made.session)("early", options, services, made.audience, made.session._clock)
        session.type_text("hi")
        run = asyncio.create_task(session.run(), name="early")
        await made.audience.wait_for(n.ReplyEnded)
        session.close()
        assert await run == "closed"
        assert [item.role for item in session.history] == ["user", "assistant"]
