"""The one path of events: every class has its place on it, in the order of its table."""

from typing import get_args

from tests.unit.dialog.fakes import FakeResponder, Heard
from tests.unit.dialog.stage import answered, scene
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import AsrConfig
from vdx.core.errors import ModelFailed, ModelUnavailable
from vdx.core.events import (
    ReplyEnded,
    ResponderStarted,
    SessionState,
    StageEvent,
    StageFailed,
    SynthesisStarted,
    Word,
)
from vdx.dialog.dispatch import Event
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    PartialTranscript,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    StateChanged,
    TurnTimed,
    UtteranceEnded,
    UtteranceStarted,
)


@on_virtual_time
async def test_every_class_of_event_has_a_handler() -> None:
    async with scene(lead_in=False) as stage:
        handlers = stage.session._dispatcher._handlers
    assert set(get_args(StageEvent)) <= set(handlers)
    assert set(handlers) == set(get_args(Event))


@on_virtual_time
async def test_a_turn_reaches_the_transport_in_order() -> None:
    async with scene(Heard("go")) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        kinds = [type(event) for _, event in stage.transport.events]
    assert [kind for kind in kinds if kind is not StateChanged] == [
        UtteranceStarted,
        PartialTranscript,
        UtteranceEnded,
        FinalTranscript,
        ReplyStarted,
        TurnTimed,
        ReplyClause,
        ReplyClause,
        ReplyDone,
    ]


@on_virtual_time
async def test_a_partial_says_up_to_where_it_was_heard() -> None:
    """On the clock of the client's audio, as the start of speech; the second turn as the first."""
    word = Word("go", 20, 250)
    async with scene(Heard("go", words=(word,)), Heard("on", words=(word,)), Heard("x")) as stage:
        for _ in range(3):
            await answered(stage)
            await stage.until(SessionState.WAITING_FOR_INPUT)
        started = stage.transport.all(UtteranceStarted)
        partials = stage.transport.all(PartialTranscript)
        ended = stage.transport.all(UtteranceEnded)
    assert partials[2].word_end_ms is None
    for begin, partial, end in zip(started, partials, ended, strict=True):
        assert begin.at_ms < partial.audio_end_ms < end.at_ms + 400
        if partial.word_end_ms is not None:
            before = max(begin.at_ms - AsrConfig().pre_roll_ms, 0)
            assert partial.word_end_ms - word.end_ms == before


@on_virtual_time
async def test_events_carry_the_ids_of_the_history() -> None:
    async with scene(Heard("go")) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        said, answer = stage.session.history
        (final,) = stage.transport.all(FinalTranscript)
        (done,) = stage.transport.all(ReplyDone)
        clauses = stage.transport.all(ReplyClause)
    assert (final.utterance.item_id, done.reply.item_id) == (said.id, answer.id)
    assert [clause.clause for clause in clauses] == [0, 1]
    assert {clause.reply for clause in clauses} == {done.reply}


@on_virtual_time
async def test_a_reply_that_is_only_code_is_told_with_what_is_said() -> None:
    responder = FakeResponder(default=("```py\n", "x = 1\n```"))
    async with scene(Heard("go"), responder=responder) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        (clause,) = stage.transport.all(ReplyClause)
    assert clause.text == "```py\nx = 1\n```"
    assert clause.said_for_code == "The answer is code. You can see it on the screen."


@on_virtual_time
async def test_events_of_a_reply_that_is_over_change_nothing() -> None:
    async with scene(Heard("go")) as stage:
        await answered(stage)
        before = len(stage.transport.events)
        for event in (ResponderStarted(99), SynthesisStarted(99), ReplyEnded(99)):
            stage.session.emit(event)
        assert len(stage.transport.events) == before
        assert stage.state is SessionState.SPEAKING


@on_virtual_time
async def test_a_stage_that_fails_is_reported_once() -> None:
    async with scene() as stage:
        error = ModelFailed("the model failed", model="tone")
        stage.session.emit(StageFailed(error))
        assert stage.transport.all(ErrorOccurred) == [ErrorOccurred(error)]


@on_virtual_time
async def test_a_recogniser_that_is_gone_is_followed_by_an_apology() -> None:
    gone = ModelUnavailable("the recogniser is gone", model="fake-asr")
    async with scene(Heard("go", error=gone)) as stage:
        await stage.person_says()
        await stage.until(SessionState.SPEAKING)
        kinds = [type(event) for _, event in stage.transport.events]
        failed = kinds.index(RecognitionFailed)
        assert kinds[failed - 1] is ErrorOccurred
        assert ReplyStarted in kinds[failed:]
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert stage.said()[-1][1] == stage.session.options.responder.apology
