"""Nothing that a person says over a reply is lost: each case once failed with people."""

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, Heard
from tests.unit.dialog.stage import Scene, answered, long_answer, quiet, scene, spoken
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.events import SessionState
from vdx.dialog.session_events import (
    FinalTranscript,
    PlayoutResumed,
    ReplyDone,
    ReplyStarted,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
)

SPEAKING, WAITING = SessionState.SPEAKING, SessionState.WAITING_FOR_INPUT
REPLY_MS = len(spoken("One two three.", "Four five six.")) / 48


def users_words(stage: Scene) -> list[str]:
    return [text for role, text in stage.said() if role == "user"]


@pytest.mark.parametrize("word", ["nine", "yes"])
def test_a_word_begun_just_before_the_reply_ends_is_answered(word: str) -> None:
    """ "yes" is a listening sound too, but not as the reply ends."""

    @on_virtual_time
    async def conversation() -> None:
        async with scene(Heard("hello"), Heard(word)) as stage:
            await answered(stage)
            await stage.quiet_for(REPLY_MS - 320)
            await stage.person_says(300, silence_ms=2000)
            await stage.transport.wait_for(ReplyDone, 2)
            assert len(stage.transport.all(PlayoutResumed)) == 1, "it began over the reply"
            assert users_words(stage) == ["hello", word]
            assert [role for role, _ in stage.said()] == ["user", "assistant"] * 2
            (kept,) = stage.transport.all(UtteranceKept)
            assert kept.text == word
            assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]

    conversation()


@on_virtual_time
async def test_a_listening_sound_in_the_middle_of_a_reply_is_told_and_not_answered() -> None:
    async with scene(Heard("hello"), Heard("yes"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(300, silence_ms=5000)
        await stage.until(WAITING)
        assert users_words(stage) == ["hello"]
        assert len(stage.transport.all(UtteranceDropped)) == 1
        assert [final.text for final in stage.transport.all(FinalTranscript)] == ["hello"]


@on_virtual_time
async def test_words_that_did_not_interrupt_are_answered_after_the_reply() -> None:
    async with scene(Heard("hello"), Heard("louder"), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1500)
        await stage.person_says(300, silence_ms=400)
        assert stage.state is SPEAKING
        assert [kept.text for kept in stage.transport.all(UtteranceKept)] == ["louder"]
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]
        assert [message.text for message in stage.responder.asked[1]][-1] == "louder"


@on_virtual_time
async def test_a_short_word_of_who_goes_on_makes_both_halves_one_turn() -> None:
    """ "A dull shot of drip … coffee": too short to interrupt, and the reply had just begun."""
    heard = Heard("a double shot of drip"), Heard("coffee")
    async with scene(*heard, responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(300, silence_ms=400)
        await stage.transport.wait_for(ReplyDone, 2)
        assert stage.transport.statuses() == [(1, "cancelled"), (2, "completed")]
        assert stage.responder.asked[-1][-1].text == "a double shot of drip coffee"
        assert [role for role, _ in stage.said()][-1] == "assistant"


@pytest.mark.parametrize("between_ms", [350, 500])
def test_an_interruption_in_two_bursts_keeps_the_first(between_ms: int) -> None:
    @on_virtual_time
    async def conversation() -> None:
        heard = Heard("hello"), Heard("go for"), Heard("go somewhere and do something")
        async with scene(*heard, responder=long_answer()) as stage:
            await answered(stage)
            await stage.quiet_for(1500)
            bursts = np.concatenate([vowel(400), quiet(between_ms), vowel(1200), quiet(400)])
            await stage.hears(bursts)
            await stage.transport.wait_for(ReplyStarted, 2)
            assert stage.transport.statuses()[0] == (1, "cancelled")
            assert users_words(stage) == ["hello", "go for", "go somewhere and do something"]
            assert stage.responder.asked[-1][-1].text == "go for go somewhere and do something"

    conversation()


@on_virtual_time
async def test_digits_one_by_one_are_one_turn() -> None:
    """500 ms apart, and no endpointer listens: "2." might be all, and is not."""
    heard = (Heard("2."), "2, 9.", "2, 9, 3.", "2, 9, 3, 4.")
    async with scene(*[Heard(heard[-1], pause=heard[0].final)]) as stage:
        await stage.hears(np.concatenate([vowel(300), quiet(500)]))
        assert stage.transport.all(UtteranceEnded) == []
        await stage.hears(np.concatenate([vowel(300), quiet(500), vowel(300), quiet(500)]))
        assert stage.transport.all(UtteranceEnded) == []
        await stage.hears(vowel(300))
        await stage.until(SPEAKING)
        assert users_words(stage) == ["2, 9, 3, 4."]


@on_virtual_time
async def test_digits_over_the_reply_to_the_first_are_all_answered() -> None:
    words = ("two", "nine", "three", "four")
    responder = FakeResponder(default=("All right, go on.",))
    heard = [Heard(words[0]), *(Heard(word) for word in words[1:])]
    async with scene(*heard, responder=responder) as stage:
        await stage.person_says(300, silence_ms=1000)
        for _ in words[1:]:
            await stage.person_says(300, silence_ms=500)
        await stage.until(WAITING)
        assert users_words(stage) == list(words)
        assert stage.said()[-1][0] == "assistant", "the last one was answered too"


@on_virtual_time
async def test_an_interrupt_word_that_is_understood_late_still_interrupts() -> None:
    late = Heard("stop", pause_delay_s=0.6, delay_s=0.6)
    async with scene(Heard("hello"), late, responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(1500)
        await stage.person_says(300, silence_ms=400)
        assert stage.state is SPEAKING, "the reply went on meanwhile"
        await stage.transport.wait_for(ReplyDone)
        assert stage.transport.statuses()[0] == (1, "cancelled")
        await stage.transport.wait_for(ReplyStarted, 2)
        assert users_words(stage) == ["hello", "stop"]


@on_virtual_time
async def test_noise_over_a_reply_is_told() -> None:
    async with scene(Heard("hello"), Heard(""), responder=long_answer()) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        await stage.person_says(300, silence_ms=400)
        assert len(stage.transport.all(UtteranceDropped)) == 1
        await stage.until(WAITING)
        assert stage.transport.statuses() == [(1, "completed")]


@pytest.mark.parametrize("over_reply", [True, False], ids=["over a reply", "in a row"])
def test_utterances_are_answered_in_the_order_they_were_said(over_reply: bool) -> None:
    """Whichever the recogniser understands first."""

    @on_virtual_time
    async def conversation() -> None:
        heard = Heard("hello"), Heard("go for", delay_s=2.0, pause=""), Heard("somewhere")
        async with scene(*heard, responder=long_answer()) as stage:
            await answered(stage)
            if over_reply:
                await stage.quiet_for(1500)
            else:
                await stage.until(WAITING)
            await stage.person_says(300, silence_ms=500)
            await stage.person_says(900, silence_ms=400)
            await stage.until(SPEAKING)
            assert users_words(stage) == ["hello", "go for", "somewhere"]
            assert stage.responder.asked[-1][-1].text == "go for somewhere"

    conversation()
