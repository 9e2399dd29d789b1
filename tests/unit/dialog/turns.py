"""Words for the tests of the turn machine: events, and how far a conversation has come."""

from dataclasses import replace

from vdx.core.errors import ModelFailed
from vdx.core.events import (
    PauseJudged,
    ReplyAudible,
    ReplyEnded,
    ReplyPaused,
    SessionState,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
    TurnMark,
)
from vdx.dialog.turn import TurnMachine, TurnPolicy
from vdx.dialog.turn_decisions import (
    CommitUser,
    StartReply,
    TurnDecision,
)
from vdx.dialog.turn_events import (
    TurnEvent,
)
from vdx.speech.input.end_of_turn import Pause

IDLE = SessionState.IDLE
LISTENING = SessionState.LISTENING
SPEAKING = SessionState.SPEAKING
BARGED_IN = SessionState.BARGED_IN
WAITING = SessionState.WAITING_FOR_INPUT
TERMINATED = SessionState.TERMINATED
ERROR = ModelFailed("the voice failed", model="voice")


def silence_ms(pause: Pause) -> int:
    """Long after "and", short where endpointer or recogniser is sure, as usual otherwise."""
    if (pause.text or "").endswith(" and"):
        return 1200
    return 120 if pause.done or (pause.probability or 0.0) > 0.9 else 0


POLICY = TurnPolicy(
    interrupts=lambda text: "stop" in text.split(),
    only_sounds=lambda text: set(text.split()) <= {"uh", "mhm"},
    silence_ms=silence_ms,
)


def start(utterance: int) -> SpeechStarted:
    return SpeechStarted(utterance, 0)


def pause(utterance: int) -> SpeechPaused:
    return SpeechPaused(utterance, 0)


def judged(utterance: int, probability: float, at: int = 0) -> PauseJudged:
    return PauseJudged(utterance, at, probability)


def resume(utterance: int) -> SpeechResumed:
    return SpeechResumed(utterance, 0)


def end(utterance: int) -> SpeechEnded:
    return SpeechEnded(utterance, 0)


def partial(utterance: int, text: str) -> Transcript:
    return Transcript(utterance, text, 0, 0, TranscriptKind.PARTIAL)


def flushed(utterance: int, text: str, *marks: TurnMark) -> Transcript:
    return Transcript(utterance, text, 0, 0, TranscriptKind.PAUSE, marks=marks)


def final(utterance: int, text: str) -> Transcript:
    return Transcript(utterance, text, 0, 0, TranscriptKind.FINAL)


def failed(utterance: int) -> TranscriptFailed:
    return TranscriptFailed(utterance, ModelFailed("broke"))


HEARD = [start(1), pause(1), end(1)]
PREPARED = [start(1), pause(1), flushed(1, "hello")]
HELD = [start(1), pause(1), flushed(1, "hello and")]
PENDING = [*HEARD, final(1, "hello")]
PLAYING = [*PENDING, ReplyAudible(1)]
OVER = [*PLAYING, ReplyEnded(1)]
BARGED = [*PLAYING, start(2), ReplyPaused(1, 5000)]
CUT_OFF = [*PLAYING, start(2), ReplyPaused(1, 900)]
BARGED_PENDING = [*PENDING, start(2)]
REPLY_TO_HELLO = [CommitUser("hello", 1), StartReply(1)]

Row = tuple[list[TurnEvent], TurnEvent, SessionState, list[TurnDecision]]


def machine_after(events: list[TurnEvent], **policy: object) -> TurnMachine:
    machine = TurnMachine(replace(POLICY, **policy))  # type: ignore[arg-type]  # names of fields
    for event in events:
        machine.handle(event)
    return machine
