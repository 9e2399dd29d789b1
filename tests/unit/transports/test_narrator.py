"""What a client is told of a session, notice by notice; no notice class is left out."""

import asyncio
import base64
import json
import typing
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pytest

from frontend.core.audio import SPEAK_FRAME
from frontend.core.config import Config
from frontend.core.errors import ModelFailed
from frontend.core.events import SessionState
from frontend.dialog import notices as n
from frontend.dialog.profiles import resolve
from frontend.transports.realtime.narrator import Narrator
from frontend.transports.realtime.outbox import Outbox
from frontend.transports.realtime.settings import Settings

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
    n.TurnTimed(1, 321.0, {"first_text": 300.0}),
    n.LevelHint(rms=80.0, threshold=200.0),
    n.Trouble(ERROR),
    n.SessionEnded("idle_timeout"),
]
NEVER_TOLD = {n.UtteranceDropped}
"""What was no turn: a client that heard nothing of it must not hear that it is over."""

AUDIO = "response.output_audio.delta"
REPLY_BEGINS = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
REPLY_ENDS = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
UTTERANCE_ENDS = [
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]


class FakeSession:
    id = "s1"

    def utterance_item(self, utterance: int) -> str:
        return f"item_u{utterance}"

    def reply_item(self, reply: int) -> str:
        return f"item_r{reply}"


@dataclass
class Client:
    """A narrator and what its client was sent."""

    settings: Settings
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self._take, 10)
        self.narrator = Narrator(self.outbox, lambda: self.settings)
        self.narrator.attach(cast(Any, FakeSession()))

    async def _take(self, text: str) -> None:
        self.told.append(json.loads(text))

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.told]

    def only(self, kind: str) -> dict[str, Any]:
        [event] = [event for event in self.told if event["type"] == kind]
        return event


def client(*, events: bool = False, **changes: Any) -> Client:
    options = resolve(Config(), "", "pocketsphinx-en")
    settings = Settings(options, options.voice, options.recogniser, vdx_events=events)
    for name, value in changes.items():
        setattr(settings, name, value)
    return Client(settings)


def narrate(to: Client, *story: n.Notice | tuple[int, np.ndarray]) -> Client:
    """Tells notices, and plays a (reply, row) as audio; returns once all of it is sent."""

    async def tell() -> None:
        writer = asyncio.create_task(to.outbox.run())
        for part in story:
            if isinstance(part, tuple):
                await to.narrator.play(*part)
            else:
                to.narrator.notify(part)
        to.outbox.close()
        await writer

    asyncio.run(tell())
    return to


def audio(level: int = 1000) -> np.ndarray:
    return np.full(SPEAK_FRAME, level, np.int16)


def samples_of(to: Client) -> np.ndarray:
    deltas = [e["delta"] for e in to.told if e["type"] == "response.output_audio.delta"]
    return np.frombuffer(b"".join(base64.b64decode(delta) for delta in deltas), "<i2")


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


# --- interruptions ------------------------------------------------------------------------------


def test_an_interruption_is_told_once_it_is_confirmed() -> None:
    to = narrate(
        client(),
        n.ReplyStarted(1),
        (1, audio()),
        n.UtteranceStarted(2, at_ms=5000, interrupting=True),
        n.PlayoutPaused(1, played_ms=20),
        n.UserHeard(2, "stop", stable=4),
        n.ReplyEnded(1, "cancelled", "interrupted", 20, "Go"),
        n.UtteranceEnded(2, at_ms=5600),
        n.UserSaid(2, "stop"),
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
        n.ReplyStarted(1),
        n.UtteranceStarted(2, at_ms=5000, interrupting=True),
        n.PlayoutPaused(1, played_ms=20),
        n.UserHeard(2, "uh", stable=2),
        n.UtteranceEnded(2, at_ms=5300),
        n.UtteranceDropped(2),
        n.PlayoutResumed(1, played_ms=20),
        n.ReplyEnded(1, "completed", "", 900, "Go forward."),
    )
    assert to.kinds() == [*REPLY_BEGINS, *REPLY_ENDS]


def test_a_pause_is_told_to_a_client_that_opts_in() -> None:
    to = narrate(
        client(events=True),
        n.ReplyStarted(1),
        n.PlayoutPaused(1, played_ms=120),
        n.PlayoutResumed(1, played_ms=120),
    )
    assert to.kinds()[-2:] == ["vdx.playout.paused", "vdx.playout.resumed"]
    assert to.told[-1]["played_ms"] == 120
    assert to.told[-1]["item_id"] == "item_r1"


def test_speech_over_the_very_end_of_a_reply_is_a_turn() -> None:
    to = narrate(
        client(),
        n.ReplyStarted(1),
        n.UtteranceStarted(2, at_ms=5000, interrupting=True),
        n.ReplyEnded(1, "completed", "", 900, "Go."),
        n.UtteranceEnded(2, at_ms=5600),
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
        to.narrator.notify(n.ReplyStarted(1))
        for level in (1, 2, 3):
            await to.narrator.play(1, audio(level))
        to.narrator.notify(n.ReplyEnded(1, "cancelled", "interrupted", 0, ""))
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
    ended = n.ReplyEnded(1, "cancelled", reason, 0, "")
    response = narrate(client(), n.ReplyStarted(1), ended).only("response.done")["response"]
    assert response["status_details"] == {"type": "cancelled", "reason": told}


def test_a_failed_reply_says_why() -> None:
    ended = n.ReplyEnded(1, "failed", "", 40, "Go", ERROR)
    response = narrate(client(), n.ReplyStarted(1), ended).only("response.done")["response"]
    assert response["status"] == "failed"
    assert response["status_details"]["error"]["code"] == "model_failed"
    assert response["status_details"]["error"]["message"] == "the model broke"


# --- audio --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_reply_keeps_its_length_at_every_rate(rate: int) -> None:
    rows = [(1, audio(level)) for level in (1000, 2000, 3000, 4000, 5000)]
    to = narrate(
        client(output_rate=rate),
        n.ReplyStarted(1),
        *rows,
        n.ReplyEnded(1, "completed", "", 100, "x"),
    )
    assert samples_of(to).size == pytest.approx(rate // 10, abs=rate // 1000)
    kinds = to.kinds()
    assert kinds.index("response.output_audio.done") > len(kinds) - 1 - kinds[::-1].index(AUDIO)


def test_a_rate_that_changes_in_mid_reply_counts_from_then_on() -> None:
    to = client(output_rate=48_000)
    narrate(to, n.ReplyStarted(1), (1, audio()))
    to.settings.output_rate = 24_000
    to.outbox = Outbox(to._take, 10)
    to.narrator._outbox = to.outbox
    narrate(to, *[(1, audio()) for _ in range(5)])
    sizes = [len(base64.b64decode(e["delta"])) // 2 for e in to.told if e["type"] == AUDIO]
    assert sizes[0] == 960
    assert sum(sizes[1:]) == pytest.approx(5 * 480, abs=300)


# --- what a client asked for --------------------------------------------------------------------


def test_metadata_comes_back_with_its_own_response_only() -> None:
    to = client()
    to.narrator.next_metadata({"topic": "weather"})
    narrate(
        to,
        n.ReplyStarted(1),
        n.ReplyEnded(1, "completed", "", 0, ""),
        n.ReplyStarted(2),
        n.ReplyEnded(2, "completed", "", 0, ""),
    )
    told = [
        e["response"]["metadata"]
        for e in to.told
        if e["type"].startswith("response.") and "response" in e
    ]
    assert told == [{"topic": "weather"}] * 2 + [None] * 2


@pytest.mark.parametrize("reason", ["closed", "gone"])
def test_an_end_that_the_client_chose_is_no_error(reason: str) -> None:
    assert narrate(client(), n.SessionEnded(reason)).told == []


@pytest.mark.parametrize(
    "reason", ["idle_timeout", "max_duration", "max_messages", "server_stopping"]
)
def test_any_other_end_is_said(reason: str) -> None:
    error = narrate(client(), n.SessionEnded(reason)).only("error")["error"]
    assert error["message"] == f"the session ended: {reason.replace('_', ' ')}"


def test_trouble_names_the_service() -> None:
    error = narrate(client(), n.Trouble(ERROR)).only("error")["error"]
    assert (error["type"], error["service"], error["retryable"]) == (
        "server_error",
        "triton:tone",
        True,
    )
