"""Where a conversation stands, and the few steps that change it; `turn.py` says when."""

from dataclasses import dataclass
from enum import Enum, auto

from frontend.core.events import SessionState
from frontend.dialog import moves as m
from frontend.dialog.policy import TurnPolicy


class Phase(Enum):
    """How far a reply has come."""

    PREPARED = auto()
    PENDING = auto()
    AUDIBLE = auto()


@dataclass(slots=True)
class LiveReply:
    """The one reply there is; `utterance` and `text` are what a prepared one answers."""

    id: int
    phase: Phase
    utterance: int | None = None
    text: str = ""


@dataclass(slots=True)
class LiveSpeech:
    """The utterance being spoken now; `patience_ms` is what its pause was granted beyond any."""

    utterance: int
    text: str = ""
    ms: int = 0
    paused: bool = False
    patience_ms: int = 0


class Floor:
    """At most one reply, at most one speech, and the utterances whose words are still due.

    Every step appends its decisions to `out`.
    """

    def __init__(self, policy: TurnPolicy) -> None:
        self.policy = policy
        self.state = SessionState.IDLE
        self.reply: LiveReply | None = None
        self.speech: LiveSpeech | None = None
        self.due: set[int] = set()
        self.unanswered = False
        self.requested: m.ReplyRequested | None = None
        self.anything_said = False
        self.out: list[m.Decision] = []
        self._next_reply = 0

    @property
    def active_reply(self) -> int | None:
        """The reply that is promised or playing; a prepared one does not count."""
        return self.reply.id if self.reply and self.reply.phase is not Phase.PREPARED else None

    def speech_of(self, utterance: int) -> LiveSpeech | None:
        """The speech under way, if this is its number: events of another are stale."""
        return self.speech if self.speech and self.speech.utterance == utterance else None

    def wait_for(self, speech: LiveSpeech, silence_ms: int) -> None:
        """How long the pause of `speech` may last; told when it changes."""
        if silence_ms != speech.patience_ms:
            speech.patience_ms = silence_ms
            self.out.append(m.AwaitMore(speech.utterance, silence_ms))

    def finish(self, utterance: int) -> None:
        self.due.add(utterance)
        self.out.append(m.FinishUtterance(utterance))

    def abandon(self, utterance: int) -> None:
        self.due.discard(utterance)
        self.out.append(m.AbandonUtterance(utterance))

    def commit_user(self, text: str, utterance: int | None) -> None:
        self.anything_said = True
        self.out.append(m.CommitUser(text, utterance))

    def prepare(self, utterance: int, text: str) -> None:
        self.reply = LiveReply(self._new_id(), Phase.PREPARED, utterance, text)
        self.out.append(m.PrepareReply(self.reply.id, text))

    def discard_prepared(self) -> None:
        if self.reply and self.reply.phase is Phase.PREPARED:
            self.out.append(m.DiscardReply(self.reply.id))
            self.reply = None

    def speak_prepared(self, reply: LiveReply) -> None:
        reply.phase = Phase.PENDING
        self.unanswered = False
        self.out.append(m.SpeakReply(reply.id))

    def start(self) -> None:
        """A reply to all that is unanswered; what was requested for it counts now."""
        request = self.requested or m.ReplyRequested()
        self.reply = LiveReply(self._new_id(), Phase.PENDING)
        self.unanswered, self.requested = False, None
        self.state = SessionState.LISTENING
        self.out.append(m.StartReply(self.reply.id, request.instructions, request.say))

    def pause(self) -> None:
        """Step one of a barge-in."""
        if self.reply:
            self.state = SessionState.BARGED_IN
            self.out.append(m.PauseReply(self.reply.id))

    def resume(self) -> None:
        """The barge-in turned out to be none."""
        if self.reply:
            audible = self.reply.phase is Phase.AUDIBLE
            self.state = SessionState.SPEAKING if audible else SessionState.LISTENING
            self.out.append(m.ResumeReply(self.reply.id))

    def interrupt(self, reason: str) -> None:
        """Step two of a barge-in, or the client's wish; a prepared reply is none of theirs."""
        if self.active_reply is None or self.reply is None:
            return
        self.out.append(m.CancelReply(self.reply.id, reason))
        if reason == "interrupted" and self.reply.phase is Phase.PENDING:
            self.unanswered = True  # what it answered still waits, if nothing new is said
        self.reply = None
        self.settle(answer=False)

    def settle(self, *, answer: bool = True) -> None:
        """Finds the state after a reply or a transcript is over; may start the next reply."""
        if self.reply is not None:
            return
        if self.speech or self.due:
            self.state = SessionState.LISTENING
        elif self.requested or (answer and self.unanswered and self.policy.auto_reply):
            self.start()
        elif self.anything_said:
            self.state = SessionState.WAITING_FOR_INPUT
        else:
            self.state = SessionState.IDLE

    def end(self, reason: str) -> None:
        self.discard_prepared()
        if self.reply:
            self.out.append(m.CancelReply(self.reply.id, reason))
            self.reply = None
        self.out.append(m.EndSession(reason))
        self.state = SessionState.TERMINATED

    def _new_id(self) -> int:
        self._next_reply += 1
        return self._next_reply
