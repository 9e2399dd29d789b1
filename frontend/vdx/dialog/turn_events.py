"""What goes into the turn machine: requests of clients, and events of the stages."""

from dataclasses import dataclass

from vdx.core.events import (
    PauseJudged,
    ReplyAudible,
    ReplyEnded,
    ReplyPaused,
    SpeechEnded,
    SpeechLasted,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
)
from vdx.core.tools import ToolOffer


@dataclass(frozen=True, slots=True)
class UtteranceCommitted:
    """The client ends the utterance, whatever VAD says."""

    utterance: int


@dataclass(frozen=True, slots=True)
class UtteranceCleared:
    """The client discards what it sent of the utterance."""

    utterance: int


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """The client asks for a reply to the conversation as it stands.

    `instructions` and the client's tools in `offer` count for this reply alone; `say` is spoken
    instead of asking the responder. `queued`: a reply that is under way is waited for.
    """

    instructions: str = ""
    say: str = ""
    offer: ToolOffer | None = None
    queued: bool = False


@dataclass(frozen=True, slots=True)
class UserText:
    """The user typed; `respond` asks for a reply, which replaces one that is playing."""

    text: str
    respond: bool = True


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The client cancels the reply."""


@dataclass(frozen=True, slots=True)
class SessionOver:
    """A limit was reached or the client left."""

    reason: str


TurnEvent = (
    SpeechStarted
    | SpeechPaused
    | PauseJudged
    | SpeechResumed
    | SpeechEnded
    | SpeechLasted
    | UtteranceCommitted
    | UtteranceCleared
    | Transcript
    | TranscriptFailed
    | ReplyPaused
    | ReplyAudible
    | ReplyEnded
    | ReplyRequested
    | UserText
    | InterruptRequested
    | SessionOver
)
