"""What a client is sent of a session, event by event; no class of event is left out."""

import json
import typing
from collections import Counter

import pytest

from tests.unit.transports.listening import (
    AUDIO,
    R1,
    REPLY_BEGINS,
    REPLY_ENDS,
    U1,
    U2,
    UTTERANCE_ENDS,
    audio,
    client,
    narrate,
)
from vdx.core.errors import ModelFailed
from vdx.core.events import SessionState
from vdx.core.tools import ToolCall
from vdx.dialog.history import Item
from vdx.dialog.mcp_record import McpRecord
from vdx.dialog.session_events import (
    CallArguments,
    CallBegun,
    CallComplete,
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    LanguageChanged,
    LanguageHeard,
    LevelHint,
    McpAsked,
    McpCallBegun,
    McpCallDone,
    McpListing,
    OptionsChanged,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    ServerDraining,
    SessionEnded,
    SessionEvent,
    StateChanged,
    ToolAnswered,
    ToolStarted,
    TurnTimed,
    UserSilent,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
    UtteranceLeftOpen,
    UtteranceStarted,
)

ERROR = ModelFailed("the model broke", model="tone")

CALL = ToolCall("c1", "weather", "{}")
MCP_CALL = Item("mcp_1", "assistant", call=CALL, mcp=McpRecord("mcp_call", "docs", "weather"))
SAMPLES: list[SessionEvent] = [
    StateChanged(SessionState.LISTENING, thinking=True),
    UtteranceStarted(U1, at_ms=100, interrupting=False),
    UtteranceEnded(U1, at_ms=900),
    UtteranceDropped(U1),
    UtteranceKept(U1, "nine"),
    UtteranceLeftOpen(U1, at_ms=900),
    UserSilent(U2, start_ms=900, end_ms=5900),
    PartialTranscript(U1, "go for", stable=2),
    FinalTranscript(U1, "go forward"),
    RecognitionFailed(U1, ERROR),
    ReplyStarted(R1),
    ReplyClause(R1, 0, "Go forward."),
    ReplyText(R1, "Go forward."),
    PlayoutPaused(R1, played_ms=100),
    PlayoutResumed(R1, played_ms=100),
    ReplyDone(R1, "completed", "", 900, "Go forward."),
    CallBegun(R1, "call_1", CALL),
    CallArguments(R1, "call_1", CALL.call_id, "{}"),
    CallComplete(R1, "call_1", CALL, complete=True),
    ToolStarted(R1, CALL, "client"),
    ToolAnswered(R1, CALL, "sunny", "completed", 50.0),
    McpListing(Item("mcpl_1", "system", mcp=McpRecord("mcp_list_tools", "docs"))),
    McpCallBegun(R1, MCP_CALL),
    McpCallDone(R1, MCP_CALL),
    McpAsked(
        R1, Item("mcpr_1", "assistant", call=CALL, mcp=McpRecord("mcp_approval_request", "docs"))
    ),
    OptionsChanged(R1.session),
    LanguageHeard(U1, "de", 0.91, "de"),
    LanguageChanged("de", "espeak", voice_speaks_it=True),
    ItemsForgotten((U1.item_id,)),
    TurnTimed(R1, 321.0, {"first_text": 300.0}),
    LevelHint(rms=80.0, threshold=200.0),
    ErrorOccurred(ERROR),
    ServerDraining(seconds_left=600.0),
    SessionEnded("idle_timeout"),
]


def preceding(event: SessionEvent) -> list[SessionEvent]:
    """What a client was told before, so that the event makes sense."""
    if type(event).__name__.startswith("Reply"):
        return [ReplyStarted(R1)]
    if isinstance(event, CallArguments | CallComplete):
        return [CallBegun(R1, "call_1", CALL)]
    return []


# --- every event --------------------------------------------------------------------------------


def test_every_class_of_event_is_tried_here() -> None:
    assert {type(sample) for sample in SAMPLES} == set(typing.get_args(SessionEvent))


@pytest.mark.parametrize("event", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_no_event_is_lost_on_a_client_that_opts_in(event: SessionEvent) -> None:
    before = preceding(event)
    if not isinstance(event, UtteranceStarted):
        before = [UtteranceStarted(U1, at_ms=100, interrupting=False), *before]
    without = narrate(client(events=True), *before).kinds()
    told = narrate(client(events=True), *before, event).kinds()
    assert Counter(told) != Counter(without)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_nobody_else_sees_events_of_vdx(event: SessionEvent) -> None:
    told = narrate(client(), ReplyStarted(R1), *preceding(event), event).kinds()
    assert not [kind for kind in told if kind.startswith("vdx.")]


def test_a_client_is_told_of_a_reply_that_is_only_code() -> None:
    clause = ReplyClause(R1, 0, "```\nx = 1\n```", said_for_code="The answer is code.")
    told = narrate(client(events=True), ReplyStarted(R1), clause)
    event = told.only("vdx.reply.only_code")
    assert (event["response_id"], event["item_id"]) == (R1.response_id, R1.item_id)
    assert event["said"] == "The answer is code."
    assert told.only("response.output_audio_transcript.delta")["delta"] == clause.text
    plain = narrate(client(events=True), ReplyStarted(R1), ReplyClause(R1, 0, "Yes."))
    assert "vdx.reply.only_code" not in plain.kinds()


def test_every_event_has_a_type_and_an_id_of_its_own() -> None:
    told = narrate(client(events=True), *SAMPLES).told
    assert all(event["type"] for event in told)
    assert len({event["event_id"] for event in told}) == len(told)


# --- a turn -------------------------------------------------------------------------------------


def test_a_turn_in_the_order_of_the_protocol() -> None:
    to = narrate(
        client(),
        UtteranceStarted(U1, at_ms=400, interrupting=False),
        PartialTranscript(U1, "go for", stable=3),
        PartialTranscript(U1, "go forward", stable=3),
        PartialTranscript(U1, "go forward ten", stable=10),
        UtteranceEnded(U1, at_ms=1900),
        FinalTranscript(U1, "go forward ten meters"),
        ReplyStarted(R1),
        ReplyClause(R1, 0, "Go forward."),
        (R1, audio()),
        ReplyDone(R1, "completed", "", 20, "Go forward."),
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
        UtteranceStarted(U1, at_ms=0, interrupting=False),
        UtteranceEnded(U1, at_ms=500),
        ReplyStarted(R1),
        ReplyDone(R1, "completed", "", 0, ""),
        UtteranceStarted(U2, at_ms=900, interrupting=False),
        UtteranceEnded(U2, at_ms=1500),
    )
    added = [
        (e["previous_item_id"], e["item"]["id"])
        for e in to.told
        if e["type"] == "conversation.item.added"
    ]
    assert added == [(None, U1.item_id), (U1.item_id, R1.item_id), (R1.item_id, U2.item_id)]


@pytest.mark.parametrize(
    "end",
    [UtteranceDropped(U1), RecognitionFailed(U1, ERROR), FinalTranscript(U1, "go")],
    ids=["dropped", "failed", "understood"],
)
def test_nothing_is_kept_of_an_utterance_that_is_over(end: SessionEvent) -> None:
    begun = UtteranceStarted(U1, at_ms=100, interrupting=False)
    silent = UserSilent(U2, start_ms=900, end_ms=5900)
    to = narrate(client(), begun, PartialTranscript(U1, "go for", stable=2), end, silent)
    assert (to.presenter._lengths, to.presenter._delivered) == ({}, {})


def test_transcripts_can_be_switched_off() -> None:
    story = [
        UtteranceStarted(U1, at_ms=0, interrupting=False),
        PartialTranscript(U1, "secret", stable=6),
        FinalTranscript(U1, "secret"),
    ]
    assert "secret" not in json.dumps(narrate(client(transcription=False), *story).told)


def test_a_partial_transcript_names_its_item() -> None:
    partial = PartialTranscript(U1, "go", stable=2, audio_end_ms=900, word_end_ms=700)
    told = narrate(client(events=True), partial).only("vdx.transcript")
    assert told["item_id"] == U1.item_id
    assert (told["audio_end_ms"], told["word_end_ms"]) == (900, 700)
