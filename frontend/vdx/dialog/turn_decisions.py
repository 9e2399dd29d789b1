"""What the turn machine decides; carried out by `dialog/decisions.py`."""

from dataclasses import dataclass

from vdx.dialog.reply_request import AS_SESSION, ReplyRequest


@dataclass(frozen=True, slots=True)
class SetEndpoint:
    """Let the pause under way last `silence_ms`; 0 means as long as any other pause."""

    utterance: int
    silence_ms: int


@dataclass(frozen=True, slots=True)
class FinishUtterance:
    """Ask the recogniser for the final transcript.

    It is an item of the conversation from now on, unless it was said `over_reply`: then
    KeepUtterance makes it one.
    """

    utterance: int
    over_reply: bool = False


@dataclass(frozen=True, slots=True)
class AbandonUtterance:
    """Drop the utterance: it was no turn; a final transcript that is due is not wanted."""

    utterance: int


@dataclass(frozen=True, slots=True)
class KeepUtterance:
    """It was said over a reply and is a turn all the same; `text` is its final transcript."""

    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class CommitUser:
    """Put what the user said (or typed: utterance None) into the history."""

    text: str
    utterance: int | None


@dataclass(frozen=True, slots=True)
class PrepareReply:
    """Start a reply to the history plus `text`, silently."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class DiscardReply:
    """Drop a prepared reply, none of which was sent."""

    reply: int


@dataclass(frozen=True, slots=True)
class StartReply:
    """Start a reply to the history and speak it, as ReplyRequested says."""

    reply: int
    instructions: str = ""
    say: str = ""
    own: ReplyRequest = AS_SESSION


@dataclass(frozen=True, slots=True)
class SpeakReply:
    """The prepared reply answers the final transcript: speak it."""

    reply: int


@dataclass(frozen=True, slots=True)
class PauseReply:
    """Stop playout; frames that were not sent are kept."""

    reply: int


@dataclass(frozen=True, slots=True)
class ResumeReply:
    """Continue playout with the first sample that was not sent."""

    reply: int


@dataclass(frozen=True, slots=True)
class CancelReply:
    """End the reply, stop its computation, keep in the history what was played."""

    reply: int
    reason: str


@dataclass(frozen=True, slots=True)
class ForgetReply:
    """Take a cancelled reply out of the history: the turn it answered was not over."""

    reply: int


@dataclass(frozen=True, slots=True)
class EndSession:
    reason: str


TurnDecision = (
    SetEndpoint
    | FinishUtterance
    | AbandonUtterance
    | KeepUtterance
    | CommitUser
    | PrepareReply
    | DiscardReply
    | StartReply
    | SpeakReply
    | PauseReply
    | ResumeReply
    | CancelReply
    | ForgetReply
    | EndSession
)
