"""A session whose recogniser is late, empty, broken or gone."""

import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import (
    scene,
)
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.errors import (
    ModelFailed,
    ModelTimeout,
    TritonUnavailable,
    UnknownName,
)
from vdx.core.events import SessionState
from vdx.dialog.session_events import (
    FinalTranscript,
    LevelHint,
    RecognitionFailed,
    ReplyDone,
    TurnTimed,
)

LISTENING = SessionState.LISTENING
WAITING = SessionState.WAITING_FOR_INPUT


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
        await stage.transport.wait_for(ReplyDone, 2)
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
        assert stage.transport.all(FinalTranscript) == [
            FinalTranscript(stage.session.ids.utterance(1), "")
        ]


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
            await stage.quiet_for(200)
            (failed,) = [await stage.transport.wait_for(RecognitionFailed)]
            assert isinstance(failed.error, kind)
            lost = kind is TritonUnavailable
            await stage.until(WAITING if lost else SessionState.IDLE)
            assert bool(stage.said()) is lost, "an apology where the recogniser is gone"
            await stage.person_says()
            await stage.transport.wait_for(FinalTranscript)
            await stage.until(WAITING)
            assert ("user", "hello") in stage.said()

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
        assert len(stage.transport.all(RecognitionFailed)) == 1
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
        await stage.hears(vowel(8000, rms=30.0))
        (hint,) = stage.transport.all(LevelHint)
        assert hint.rms < hint.threshold
        assert stage.state is SessionState.IDLE


@pytest.mark.parametrize(
    "noise", ["", ModelFailed("broke"), "cleared"], ids=["empty", "failed", "cleared"]
)
def test_an_answer_to_typed_text_is_not_timed_from_a_noise_before_it(
    noise: str | ModelFailed,
) -> None:
    """vdx.turn said 20 s for an answer that came at once."""

    @on_virtual_time
    async def conversation() -> None:
        heard = Heard(error=noise) if isinstance(noise, ModelFailed) else Heard("")
        async with scene(Heard("hello"), heard, Heard("again")) as stage:
            await stage.person_says()
            await stage.until(WAITING)
            await stage.person_says(silence_ms=100 if noise == "cleared" else 400)
            stage.session.clear()
            await stage.quiet_for(20_000)
            stage.session.type_text("hi")
            await stage.transport.wait_for(ReplyDone, 2)
            await stage.person_says()
            await stage.transport.wait_for(ReplyDone, 3)
            timed = [event.reply.number for event in stage.transport.all(TurnTimed)]
            assert timed == [1, 3]

    conversation()


@on_virtual_time
async def test_a_session_that_does_not_listen() -> None:
    async with scene(recogniser="") as stage:
        await stage.person_says()
        assert stage.recogniser.streams == []
        stage.session.type_text("hi")
        await stage.transport.wait_for(ReplyDone)
        assert stage.transport.statuses() == [(1, "completed")]
