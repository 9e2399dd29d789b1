"""What a client is told of interruptions, audio, and the ends of replies and sessions."""

import asyncio
import base64

import pytest

from tests.unit.transports.listening import (
    AUDIO,
    R1,
    R2,
    REPLY_BEGINS,
    REPLY_ENDS,
    U1,
    U2,
    UTTERANCE_ENDS,
    audio,
    client,
    narrate,
    samples_of,
)
from vdx.core.audio_formats import WireFormat
from vdx.core.errors import ModelFailed
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
    UtteranceStarted,
)
from vdx.dialog.transport import OutputFrame
from vdx.transports.realtime.outbox import Outbox

ERROR = ModelFailed("the model broke", model="tone")


# --- interruptions ------------------------------------------------------------------------------


def test_an_interruption_is_told_once_it_is_confirmed() -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        (R1, audio()),
        UtteranceStarted(U2, at_ms=5000, interrupting=True),
        PlayoutPaused(R1, played_ms=20),
        PartialTranscript(U2, "stop", stable=4),
        ReplyDone(R1, "cancelled", "interrupted", 20, "Go"),
        UtteranceEnded(U2, at_ms=5600),
        FinalTranscript(U2, "stop"),
    )
    kinds = to.kinds()
    started = kinds.index("input_audio_buffer.speech_started")
    # Before the reply's end, so that a client stops playing what it holds at once.
    assert started == kinds.index("response.output_audio.done") - 1
    assert kinds[-6:] == [
        "response.done",
        *UTTERANCE_ENDS,
        "conversation.item.input_audio_transcription.completed",
    ]
    response = to.only("response.done")["response"]
    assert (response["status"], response["status_details"]["reason"]) == (
        "cancelled",
        "turn_detected",
    )
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["transcript"] == "Go"


def test_a_false_interruption_is_never_told() -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        UtteranceStarted(U2, at_ms=5000, interrupting=True),
        PlayoutPaused(R1, played_ms=20),
        PartialTranscript(U2, "uh", stable=2),
        UtteranceEnded(U2, at_ms=5300),
        UtteranceDropped(U2),
        PlayoutResumed(R1, played_ms=20),
        ReplyDone(R1, "completed", "", 900, "Go forward."),
    )
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS]


TURN = [
    "input_audio_buffer.speech_started",
    *UTTERANCE_ENDS,
    "conversation.item.input_audio_transcription.completed",
]


def test_a_turn_said_over_a_reply_is_told_after_it() -> None:
    """Its start would make clients drop the reply's audio."""
    over = [
        ReplyStarted(R1),
        UtteranceStarted(U2, at_ms=5000, interrupting=True),
        UtteranceEnded(U2, at_ms=5300),
        UtteranceKept(U2, "nine"),
        FinalTranscript(U2, "nine"),
    ]
    to = narrate(client(), *over)
    assert to.kinds() == REPLY_BEGINS
    to = narrate(client(), *over, ReplyDone(R1, "completed", "", 900, "Go."))
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS, *TURN]
    assert to.told[-1]["transcript"] == "nine"
    assert to.told[-1]["usage"]["seconds"] == 0.3


def test_a_turn_said_over_a_reply_and_understood_after_it() -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        UtteranceStarted(U2, at_ms=5000, interrupting=True),
        UtteranceEnded(U2, at_ms=5300),
        ReplyDone(R1, "completed", "", 900, "Go."),
    )
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS], "it may still be noise"
    narrate(to, UtteranceKept(U2, "nine"), FinalTranscript(U2, "nine"))
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS, *TURN]


def test_no_item_follows_one_that_was_forgotten() -> None:
    """Both halves of a turn are answered as one: the reply between them is gone."""
    to = narrate(
        client(),
        UtteranceStarted(U1, at_ms=0, interrupting=False),
        UtteranceEnded(U1, at_ms=900),
        ReplyStarted(R1),
        UtteranceStarted(U2, at_ms=2000, interrupting=True),
        ReplyDone(R1, "cancelled", "interrupted", 400, "Go"),
        ItemsForgotten((R1.item_id,)),
        UtteranceEnded(U2, at_ms=2900),
        ReplyStarted(R2),
    )
    committed = [event for event in to.told if event["type"] == "input_audio_buffer.committed"]
    assert [event["previous_item_id"] for event in committed] == [None, U1.item_id]
    added = [event for event in to.told if event["type"] == "conversation.item.added"]
    assert added[-1]["previous_item_id"] == U2.item_id


def test_what_became_of_speech_over_a_reply_is_told_to_a_client_that_opts_in() -> None:
    over = [
        ReplyStarted(R1),
        UtteranceStarted(U2, 5000, interrupting=True),
        UtteranceEnded(U2, 5300),
    ]
    kept = narrate(client(events=True), *over, UtteranceKept(U2, "nine")).only("vdx.user.kept")
    assert (kept["item_id"], kept["utterance"], kept["text"]) == (U2.item_id, U2.number, "nine")
    dropped = narrate(client(events=True), *over, UtteranceDropped(U2)).only("vdx.user.dropped")
    assert dropped["item_id"] == U2.item_id


def test_a_pause_is_told_to_a_client_that_opts_in() -> None:
    to = narrate(
        client(events=True),
        ReplyStarted(R1),
        PlayoutPaused(R1, played_ms=120),
        PlayoutResumed(R1, played_ms=120),
    )
    assert to.kinds()[-2:] == ["vdx.playout.paused", "vdx.playout.resumed"]
    assert to.told[-1]["played_ms"] == 120
    assert to.told[-1]["item_id"] == R1.item_id


def test_speech_over_the_very_end_of_a_reply_is_a_turn() -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        UtteranceStarted(U2, at_ms=5000, interrupting=True),
        ReplyDone(R1, "completed", "", 900, "Go."),
        UtteranceEnded(U2, at_ms=5600),
    )
    assert to.kinds() == [
        *REPLY_BEGINS,
        *REPLY_ENDS,
        "input_audio_buffer.speech_started",
        *UTTERANCE_ENDS,
    ]


def test_queued_audio_of_a_cancelled_reply_is_taken_back() -> None:
    to = client()

    async def tell() -> None:
        to.presenter.notify(ReplyStarted(R1))
        for level in (1, 2, 3):
            await to.presenter.play(OutputFrame(R1, audio(level), 0.0))
        to.presenter.notify(ReplyDone(R1, "cancelled", "interrupted", 0, ""))
        to.outbox.close()
        await to.outbox.run()

    asyncio.run(tell())
    assert AUDIO not in to.kinds()
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("interrupted", "turn_detected"),
        ("client_cancelled", "client_cancelled"),
        ("idle_timeout", "idle_timeout"),
    ],
)
def test_why_a_reply_was_cancelled(reason: str, told: str) -> None:
    ended = ReplyDone(R1, "cancelled", reason, 0, "")
    response = narrate(client(), ReplyStarted(R1), ended).only("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": told}


def test_a_failed_reply_says_why() -> None:
    ended = ReplyDone(R1, "failed", "", 40, "Go", ERROR)
    response = narrate(client(), ReplyStarted(R1), ended).only("response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "model_failed"
    assert response["status_details"]["error"]["message"] == "the model broke"


# --- audio --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_reply_keeps_its_length_at_every_rate(rate: int) -> None:
    rows = [(R1, audio(level)) for level in (1000, 2000, 3000, 4000, 5000)]
    to = narrate(
        client(output_format=WireFormat(rate=rate)),
        ReplyStarted(R1),
        *rows,
        ReplyDone(R1, "completed", "", 100, "x"),
    )
    assert samples_of(to).size == pytest.approx(rate // 10, abs=rate // 1000)
    kinds = to.kinds()
    assert kinds.index("response.output_audio.done") > len(kinds) - 1 - kinds[::-1].index(AUDIO)


def test_a_rate_that_changes_in_mid_reply_counts_from_then_on() -> None:
    to = client(output_format=WireFormat(rate=48_000))
    narrate(to, ReplyStarted(R1), (R1, audio()))
    to.settings.output_format = WireFormat()
    to.outbox = Outbox(to._take, 10)
    to.presenter._outbox = to.presenter._replies._outbox = to.outbox
    narrate(to, *[(R1, audio()) for _ in range(5)])
    sizes = [len(base64.b64decode(e["delta"])) // 2 for e in to.told if e["type"] == AUDIO]
    assert sizes[0] == 960
    assert sum(sizes[1:]) == pytest.approx(5 * 480, abs=300)


# --- what a client asked for --------------------------------------------------------------------


def test_metadata_comes_back_with_its_own_response_only() -> None:
    to = client()
    narrate(
        to,
        ReplyStarted(R1, ReplyRequest(metadata={"topic": "weather"})),
        ReplyDone(R1, "completed", "", 0, ""),
        ReplyStarted(R2),
        ReplyDone(R2, "completed", "", 0, ""),
    )
    told = [
        e["response"]["metadata"]
        for e in to.told
        if e["type"].startswith("response.") and "response" in e
    ]
    assert told == [{"topic": "weather"}] * 2 + [None] * 2


@pytest.mark.parametrize("reason", ["closed", "gone"])
def test_an_end_that_the_client_chose_is_no_error(reason: str) -> None:
    assert narrate(client(), SessionEnded(reason)).told == []


@pytest.mark.parametrize(
    "reason", ["idle_timeout", "max_duration", "max_messages", "server_stopping"]
)
def test_any_other_end_is_said(reason: str) -> None:
    error = narrate(client(), SessionEnded(reason)).only("error")["error"]
    assert error["message"] == f"the session ended: {reason.replace('_', ' ')}"


def test_trouble_names_the_service() -> None:
    error = narrate(client(), ErrorOccurred(ERROR)).only("error")["error"]
    assert (error["type"], error["service"], error["retryable"]) == (
        "server_error",
        "triton:tone",
        True,
    )
