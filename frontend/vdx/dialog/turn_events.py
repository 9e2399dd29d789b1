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
from vdx.dialog.reply_request import AS_SESSION, ReplyRequest


@dataclass(frozen=True, slots=True)
class UtteranceCommitted:
    """The client ends the utterance, whatever VAD says."""

    utterance: int


@dataclass(frozen=True, slots=True)
class UtteranceCleared:
    """The client discards what it sent of the utterance."""

    utterance: int


@dataclass(frozen=True, slots=True)
class UtteranceHandedOver:
    """VAD was switched off in mid speech: the client ends the utterance by a commit."""

    utterance: int


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """The client asks for a reply to the conversation as it stands.

    `instructions` take the place of the session's for this reply alone; `say` is spoken instead of
    asking the responder; `own` is what else differs from the session. `queued`: a reply that is
    under way is waited for.
    """

    instructions: str = ""
    say: str = ""
    own: ReplyRequest = AS_SESSION
    queued: bool = False


@dataclass(frozen=True, slots=True)
class UserText:
    """The user typed; `respond` asks for a reply, which replaces one that is playing."""

    text: str
    respond: bool = True


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The client cancels the reply, and one that it asked for and that waits.

    `this_alone`: the one that waits begins when it can.
    """

    this_alone: bool = False


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
    | UtteranceHandedOver
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
