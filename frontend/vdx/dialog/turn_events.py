"""What the turn machine hears (events) and what it decides (decisions)."""

from dataclasses import dataclass

from vdx.core.events import (
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
)


@dataclass(frozen=True, slots=True)
class SpeechLasted:
    """The current utterance spans `ms` from onset to its last speech frame."""

    utterance: int
    ms: int


@dataclass(frozen=True, slots=True)
class UtteranceCommitted:
    """The client says the utterance is complete, whatever voice activity thinks."""

    utterance: int


@dataclass(frozen=True, slots=True)
class UtteranceCleared:
    """The client throws away what it sent of the utterance."""

    utterance: int


@dataclass(frozen=True, slots=True)
class ReplyAudible:
    """The first frame of a reply was sent."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """A reply was played to its end, or broke; `failed` says which."""

    reply: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ReplyRequested:
    """The client asks for a reply to the conversation as it stands.

    `instructions` count for this reply alone; `say` is spoken instead of asking the responder.
    """

    instructions: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True)
class UserText:
    """The person typed; `respond` asks for a reply, which replaces one that is playing."""

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
    | SpeechResumed
    | SpeechEnded
    | SpeechLasted
    | UtteranceCommitted
    | UtteranceCleared
    | Transcript
    | TranscriptFailed
    | ReplyAudible
    | ReplyEnded
    | ReplyRequested
    | UserText
    | InterruptRequested
    | SessionOver
)


@dataclass(frozen=True, slots=True)
class ExtendEndpoint:
    """Let the pause under way last `silence_ms`; 0 means as long as any other pause."""

    utterance: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class FinishUtterance:
    """Ask the recogniser for the final transcript."""

    utterance: int


@dataclass(frozen=True, slots=True)
class AbandonUtterance:
    """Throw the utterance away: it was no turn."""

    utterance: int


@dataclass(frozen=True, slots=True)
class CommitUser:
    """Put what the person said (or typed: utterance None) into the history."""

    text: str
    utterance: int | None


@dataclass(frozen=True, slots=True)
class PrepareReply:
    """Start a reply to the history plus `text`, silently."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class DiscardReply:
    """Drop a prepared reply nobody heard of."""

    reply: int


@dataclass(frozen=True, slots=True)
class StartReply:
    """Start a reply to the history and speak it; the texts are those of ReplyRequested."""

    reply: int
    instructions: str = ""
    say: str = ""


@dataclass(frozen=True, slots=True)
class SpeakReply:
    """The prepared reply was right: speak it."""

    reply: int


@dataclass(frozen=True, slots=True)
class PauseReply:
    """Send nothing more, keep what was not sent."""

    reply: int


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """Go on at the exact sample."""

    reply: int


@dataclass(frozen=True, slots=True)
class CancelReply:
    """End the reply, stop its computation, keep in the history what was played."""

    reply: int
    reason: str


@dataclass(frozen=True, slots=True)
class EndSession:
    reason: str


TurnDecision = (
    ExtendEndpoint
    | FinishUtterance
    | AbandonUtterance
    | CommitUser
    | PrepareReply
    | DiscardReply
    | StartReply
    | SpeakReply
    | PauseReply
    | ResumeReply
    | CancelReply
    | EndSession
)
