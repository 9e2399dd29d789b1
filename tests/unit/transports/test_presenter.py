"""What a client is told of a session, notice by notice; no notice class is left out."""

import json
import typing
from collections import Counter

import pytest

from tests.unit.transports.listening import (
    AUDIO,
    REPLY_BEGINS,
    REPLY_ENDS,
    UTTERANCE_ENDS,
    audio,
    client,
    narrate,
)
from vdx.core.errors import ModelFailed
from vdx.core.events import SessionState
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    LevelHint,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ServerDraining,
    SessionEnded,
    SessionEvent,
    StateChanged,
    TurnTimed,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceStarted,
)

ERROR = ModelFailed("the model broke", model="tone")

SAMPLES: list[SessionEvent] = [
    StateChanged(SessionState.LISTENING, thinking=True),
    UtteranceStarted(1, at_ms=100, interrupting=False),
    UtteranceEnded(1, at_ms=900),
    UtteranceDropped(1),
    PartialTranscript(1, "go for", stable=2),
    FinalTranscript(1, "go forward"),
    RecognitionFailed(1, ERROR),
    ReplyStarted(1),
    ReplyClause(1, "Go forward."),
    PlayoutPaused(1, played_ms=100),
    PlayoutResumed(1, played_ms=100),
    ReplyDone(1, "completed", "", 900, "Go forward."),
    ItemsForgotten(("item_u1",)),
    TurnTimed(1, 321.0, {"first_text": 300.0}),
    LevelHint(rms=80.0, threshold=200.0),
    ErrorOccurred(ERROR),
    ServerDraining(seconds_left=600.0),
    SessionEnded("idle_timeout"),
]
NEVER_TOLD = {UtteranceDropped}
"""What was no turn: a client that heard nothing of it must not hear that it is over."""


# --- every notice -------------------------------------------------------------------------------


def test_every_class_of_notice_is_tried_here() -> None:
    assert {type(sample) for sample in SAMPLES} == set(typing.get_args(SessionEvent))


@pytest.mark.parametrize("notice", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_no_notice_is_lost_on_a_client_that_opts_in(notice: SessionEvent) -> None:
    before = [ReplyStarted(1)] if type(notice).__name__.startswith("Reply") else []
    if not isinstance(notice, UtteranceStarted):
        before = [UtteranceStarted(1, at_ms=100, interrupting=False), *before]
    without = narrate(client(events=True), *before).kinds()
    told = narrate(client(events=True), *before, notice).kinds()
    assert (Counter(told) != Counter(without)) == (type(notice) not in NEVER_TOLD)


@pytest.mark.parametrize("notice", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_nobody_else_sees_events_of_vdx(notice: SessionEvent) -> None:
    told = narrate(client(), ReplyStarted(1), notice).kinds()
    assert not [kind for kind in told if kind.startswith("vdx.")]


def test_every_event_has_a_type_and_an_id_of_its_own() -> None:
    told = narrate(client(events=True), *SAMPLES).told
    assert all(event["type"] for event in told)
    assert len({event["event_id"] for event in told}) == len(told)


# --- a turn -------------------------------------------------------------------------------------


def test_a_turn_in_the_order_of_the_protocol() -> None:
    to = narrate(
        client(),
        UtteranceStarted(1, at_ms=400, interrupting=False),
        PartialTranscript(1, "go for", stable=3),
        PartialTranscript(1, "go forward", stable=3),
        PartialTranscript(1, "go forward ten", stable=10),
        UtteranceEnded(1, at_ms=1900),
        FinalTranscript(1, "go forward ten meters"),
        ReplyStarted(1),
        ReplyClause(1, "Go forward."),
        (1, audio()),
        ReplyDone(1, "completed", "", 20, "Go forward."),
    )
    assert to.kinds() == [
        "input_audio_buffer.speech_started",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.delta",
        *UTTERANCE_ENDS,
        "conversation.item.input_audio_transcription.completed",
        *REPLY_BEGINS,
        "response.output_audio_transcript.delta",
        AUDIO,
        AUDIO,  # what the resampler held back
        *REPLY_ENDS,
    ]
    deltas = [e["delta"] for e in to.told if e["type"].endswith("input_audio_transcription.delta")]
    assert deltas == ["go ", "forward"]
    assert to.only("input_audio_buffer.speech_started")["audio_start_ms"] == 400
    assert to.only("input_audio_buffer.speech_stopped")["audio_end_ms"] == 1900
    completed = to.only("conversation.item.input_audio_transcription.completed")
    assert (completed["transcript"], completed["usage"]["seconds"]) == (
        "go forward ten meters",
        1.5,
    )
    assert to.only("response.done")["response"]["status"] == "completed"


def test_items_know_what_they_follow() -> None:
    to = narrate(
        client(),
        UtteranceStarted(1, at_ms=0, interrupting=False),
        UtteranceEnded(1, at_ms=500),
        ReplyStarted(1),
        ReplyDone(1, "completed", "", 0, ""),
        UtteranceStarted(2, at_ms=900, interrupting=False),
        UtteranceEnded(2, at_ms=1500),
    )
    added = [
        (e["previous_item_id"], e["item"]["id"])
        for e in to.told
        if e["type"] == "conversation.item.added"
    ]
    assert added == [(None, "item_u1"), ("item_u1", "item_r1"), ("item_r1", "item_u2")]


def test_transcripts_can_be_switched_off() -> None:
    story = [
        UtteranceStarted(1, at_ms=0, interrupting=False),
        PartialTranscript(1, "secret", stable=6),
        FinalTranscript(1, "secret"),
    ]
    assert "secret" not in json.dumps(narrate(client(transcription=False), *story).told)
