"""What a client is told of a session, notice by notice; no notice class is left out."""

import json
import typing
from collections import Counter

import pytest

from frontend.core.errors import ModelFailed
from frontend.core.events import SessionState
from frontend.dialog import notices as n
from tests.unit.transports.listening import (
    AUDIO,
    REPLY_BEGINS,
    REPLY_ENDS,
    UTTERANCE_ENDS,
    audio,
    client,
    narrate,
)

ERROR = ModelFailed("the model broke", model="tone")

SAMPLES: list[n.Notice] = [
    n.StateChanged(SessionState.LISTENING, thinking=True),
    n.UtteranceStarted(1, at_ms=100, interrupting=False),
    n.UtteranceEnded(1, at_ms=900),
    n.UtteranceDropped(1),
    n.UserHeard(1, "go for", stable=2),
    n.UserSaid(1, "go forward"),
    n.HearingFailed(1, ERROR),
    n.ReplyStarted(1),
    n.ReplyClause(1, "Go forward."),
    n.PlayoutPaused(1, played_ms=100),
    n.PlayoutResumed(1, played_ms=100),
    n.ReplyEnded(1, "completed", "", 900, "Go forward."),
    n.ItemsForgotten(("item_u1",)),
    n.TurnTimed(1, 321.0, {"first_text": 300.0}),
    n.LevelHint(rms=80.0, threshold=200.0),
    n.Trouble(ERROR),
    n.ServerDraining(seconds_left=600.0),
    n.SessionEnded("idle_timeout"),
]
NEVER_TOLD = {n.UtteranceDropped}
"""What was no turn: a client that heard nothing of it must not hear that it is over."""


# --- every notice -------------------------------------------------------------------------------


def test_every_class_of_notice_is_tried_here() -> None:
    assert {type(sample) for sample in SAMPLES} == set(typing.get_args(n.Notice))


@pytest.mark.parametrize("notice", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_no_notice_is_lost_on_a_client_that_opts_in(notice: n.Notice) -> None:
    before = [n.ReplyStarted(1)] if type(notice).__name__.startswith("Reply") else []
    if not isinstance(notice, n.UtteranceStarted):
        before = [n.UtteranceStarted(1, at_ms=100, interrupting=False), *before]
    without = narrate(client(events=True), *before).kinds()
    told = narrate(client(events=True), *before, notice).kinds()
    assert (Counter(told) != Counter(without)) == (type(notice) not in NEVER_TOLD)


@pytest.mark.parametrize("notice", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_nobody_else_sees_events_of_vdx(notice: n.Notice) -> None:
    told = narrate(client(), n.ReplyStarted(1), notice).kinds()
    assert not [kind for kind in told if kind.startswith("vdx.")]


def test_every_event_has_a_type_and_an_id_of_its_own() -> None:
    told = narrate(client(events=True), *SAMPLES).told
    assert all(event["type"] for event in told)
    assert len({event["event_id"] for event in told}) == len(told)


# --- a turn -------------------------------------------------------------------------------------


def test_a_turn_in_the_order_of_the_protocol() -> None:
    to = narrate(
        client(),
        n.UtteranceStarted(1, at_ms=400, interrupting=False),
        n.UserHeard(1, "go for", stable=3),
        n.UserHeard(1, "go forward", stable=3),
        n.UserHeard(1, "go forward ten", stable=10),
        n.UtteranceEnded(1, at_ms=1900),
        n.UserSaid(1, "go forward ten meters"),
        n.ReplyStarted(1),
        n.ReplyClause(1, "Go forward."),
        (1, audio()),
        n.ReplyEnded(1, "completed", "", 20, "Go forward."),
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
        n.UtteranceStarted(1, at_ms=0, interrupting=False),
        n.UtteranceEnded(1, at_ms=500),
        n.ReplyStarted(1),
        n.ReplyEnded(1, "completed", "", 0, ""),
        n.UtteranceStarted(2, at_ms=900, interrupting=False),
        n.UtteranceEnded(2, at_ms=1500),
    )
    added = [
        (e["previous_item_id"], e["item"]["id"])
        for e in to.told
        if e["type"] == "conversation.item.added"
    ]
    assert added == [(None, "item_u1"), ("item_u1", "item_r1"), ("item_r1", "item_u2")]


def test_transcripts_can_be_switched_off() -> None:
    story = [
        n.UtteranceStarted(1, at_ms=0, interrupting=False),
        n.UserHeard(1, "secret", stable=6),
        n.UserSaid(1, "secret"),
    ]
    assert "secret" not in json.dumps(narrate(client(transcription=False), *story).told)
