"""The events that a session sends to its transport, in the order they happen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from vdx.core.errors import VdxError
from vdx.core.events import SessionState
from vdx.core.tools import CallStatus, ToolCall
from vdx.dialog.history import Item
from vdx.dialog.ids import ReplyIds, SessionIds, UtteranceIds
from vdx.dialog.reply_request import AS_SESSION, ReplyRequest

ReplyStatus = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """`thinking`: the turn is over and its answer is not audible yet."""

    state: SessionState
    thinking: bool


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """`at_ms` counts the session's input; `interrupting`: a reply is pending or plays.

    Then it may be noise, and is followed by UtteranceDropped, by UtteranceKept or by the cancelled
    reply's ReplyDone.
    """

    utterance: UtteranceIds
    at_ms: int
    interrupting: bool


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    utterance: UtteranceIds
    at_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceDropped:
    """It was no turn: noise, a listening sound, or cleared by the client, `at_ms` of the input."""

    utterance: UtteranceIds
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class UserSilent:
    """Nobody has spoken from `start_ms` to `end_ms` of the input; the responder goes on."""

    utterance: UtteranceIds
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceLeftOpen:
    """VAD was switched off in mid speech, `at_ms` of the input: the client ends the utterance."""

    utterance: UtteranceIds
    at_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceKept:
    """It did not interrupt the reply it was said over, but is a turn: answered after the reply.

    FinalTranscript follows, and nothing did before.
    """

    utterance: UtteranceIds
    text: str


@dataclass(frozen=True, slots=True)
class PartialTranscript:
    """The transcript so far; `stable` leading characters will not change.

    Times are milliseconds of the audio that the client has sent: the text covers what came before
    `audio_end_ms`, its last word ends at `word_end_ms`, None without word times.
    """

    utterance: UtteranceIds
    text: str
    stable: int
    audio_end_ms: int = 0
    word_end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FinalTranscript:
    """The final transcript; empty when there was nothing to understand."""

    utterance: UtteranceIds
    text: str


@dataclass(frozen=True, slots=True)
class RecognitionFailed:
    utterance: UtteranceIds
    error: VdxError


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """`own` is what the client asked for of this reply alone."""

    reply: ReplyIds
    own: ReplyRequest = AS_SESSION


@dataclass(frozen=True, slots=True)
class ReplyClause:
    """The first frame of a clause is about to be sent.

    `clause` counts from 0 in its reply; `text` is its part of the responder's text.
    `said_for_code` is what the voice says in place of a text that is only code.
    """

    reply: ReplyIds
    clause: int
    text: str
    said_for_code: str = ""


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A piece of a reply that is written."""

    reply: ReplyIds
    text: str


@dataclass(frozen=True, slots=True)
class PlayoutPaused:
    reply: ReplyIds
    played_ms: int


@dataclass(frozen=True, slots=True)
class PlayoutResumed:
    reply: ReplyIds
    played_ms: int


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """`text` is what was played or written, `reason` why it was cancelled.

    `incomplete`: it was ended at its most tokens. `prompt_bytes` counts the text it answered.
    """

    reply: ReplyIds
    status: ReplyStatus
    reason: str
    played_ms: int
    text: str
    error: VdxError | None = None
    prompt_bytes: int = 0


@dataclass(frozen=True, slots=True)
class CallBegun:
    """A reply calls a tool of the client; the call is an item, its arguments follow."""

    reply: ReplyIds
    item_id: str
    call: ToolCall


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of the arguments of a client's call."""

    reply: ReplyIds
    item_id: str
    call_id: str
    arguments: str


@dataclass(frozen=True, slots=True)
class CallComplete:
    """A client's call with all its arguments; not `complete`: its reply was cancelled before."""

    reply: ReplyIds
    item_id: str
    call: ToolCall
    complete: bool


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A call is performed: by the `client`, by `vdx` or by the MCP server named in `source`."""

    reply: ReplyIds
    call: ToolCall
    source: str


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """What a call led to; `output` is what the responder is told."""

    reply: ReplyIds
    call: ToolCall
    output: str
    status: CallStatus
    duration_ms: float


@dataclass(frozen=True, slots=True)
class McpListing:
    """An item of the tools of an MCP server: asked for (`in_progress`), listed, or failed.

    `previous` is the item in front of it, told when it is new.
    """

    item: Item
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class McpCallBegun:
    """A tool of an MCP server that the client has named is called; the call is an item."""

    reply: ReplyIds
    item: Item


@dataclass(frozen=True, slots=True)
class McpCallDone:
    """The call has its result or its fault, in the item."""

    reply: ReplyIds
    item: Item


@dataclass(frozen=True, slots=True)
class McpAsked:
    """The client has to approve a call, which the item has."""

    reply: ReplyIds
    item: Item


@dataclass(frozen=True, slots=True)
class OptionsChanged:
    """A tool changed the session: its voice, its language or its profile."""

    session: SessionIds


@dataclass(frozen=True, slots=True)
class LanguageHeard:
    """A turn was in `language`, as likely as `probability`, 0 to 1; `spoken` is answered in."""

    utterance: UtteranceIds
    language: str
    probability: float
    spoken: str


@dataclass(frozen=True, slots=True)
class LanguageChanged:
    """The conversation goes on in `language`; not `voice_speaks_it`: no voice here does."""

    language: str
    voice: str
    voice_speaks_it: bool


@dataclass(frozen=True, slots=True)
class ItemsForgotten:
    """Items were deleted: the oldest of a conversation with more text than it may have, or a reply
    to a turn that was not over.
    """

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TurnTimed:
    """Milliseconds from the end of speech; `stages` in the order they happened."""

    reply: ReplyIds
    speech_end_to_first_audio_ms: float
    stages: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LevelHint:
    """The input is too quiet to count as speech; `rms` and `threshold` are int16 RMS."""

    rms: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ErrorOccurred:
    """Something failed and the session goes on."""

    error: VdxError


@dataclass(frozen=True, slots=True)
class ServerDraining:
    """The server ends once its sessions have; in `seconds_left` it ends them (None: never)."""

    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class SessionEnded:
    reason: str


SessionEvent = (
    StateChanged
    | UtteranceStarted
    | UtteranceEnded
    | UtteranceDropped
    | UtteranceKept
    | UserSilent
    | UtteranceLeftOpen
    | PartialTranscript
    | FinalTranscript
    | RecognitionFailed
    | ReplyStarted
    | ReplyClause
    | ReplyText
    | PlayoutPaused
    | PlayoutResumed
    | ReplyDone
    | CallBegun
    | CallArguments
    | CallComplete
    | ToolStarted
    | ToolAnswered
    | McpListing
    | McpCallBegun
    | McpCallDone
    | McpAsked
    | OptionsChanged
    | LanguageHeard
    | LanguageChanged
    | ItemsForgotten
    | TurnTimed
    | LevelHint
    | ErrorOccurred
    | ServerDraining
    | SessionEnded
)
