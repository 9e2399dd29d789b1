"""Who speaks now: a pure state machine, event in, decisions out, no I/O and no clock.

States and what moves between them (an event that a row does not name changes nothing):

    state              event                               next               decisions
    -----------------  ----------------------------------  -----------------  -----------------------
    IDLE, WAITING      SpeechStarted                       LISTENING
    LISTENING          SpeechStarted, reply prepared       LISTENING          DiscardReply
    LISTENING          SpeechStarted, reply pending        BARGED_IN          PauseReply
    SPEAKING           SpeechStarted                       BARGED_IN          PauseReply
    LISTENING          Transcript PAUSE with words         LISTENING          PrepareReply
    LISTENING          SpeechResumed                       LISTENING          DiscardReply
    LISTENING          SpeechEnded                         LISTENING          FinishUtterance
    LISTENING          Transcript FINAL with words         LISTENING          CommitUser, then
                         prepared for the same words                            SpeakReply
                         else                                                   StartReply
    LISTENING          Transcript FINAL empty, or failed   IDLE or WAITING    (DiscardReply)
    LISTENING          ReplyAudible                        SPEAKING
    BARGED_IN          confirmed by words or duration      LISTENING          CancelReply
    BARGED_IN          SpeechEnded, not confirmed          SPEAKING, or       AbandonUtterance,
                                                             LISTENING if       ResumeReply
                                                             still pending
    BARGED_IN          ReplyEnded                          LISTENING
    SPEAKING           ReplyEnded                          WAITING            (StartReply)
    any                UserText                            LISTENING          CancelReply, CommitUser,
                                                                                StartReply
    any, no reply      ReplyRequested                      LISTENING          StartReply (once no
                                                                                final is due)
    any                UtteranceCommitted                  LISTENING          (CancelReply,)
                                                                                FinishUtterance
    any                UtteranceCleared                    as SpeechEnded     AbandonUtterance,
                                                             of noise           (ResumeReply)
    any, reply         InterruptRequested                  LISTENING or       CancelReply
                                                             WAITING
    any                SessionOver                         TERMINATED         CancelReply, EndSession

A reply is *prepared* (preemptive, silent), then *pending* (promised, no frame sent yet) and then
*audible*. One that is pending is protected like an audible one: noise before its first frame
pauses it, only a confirmed interruption ends it. While one utterance's final transcript is due,
or the person speaks again, no reply is started; the words of all of them are answered together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from frontend.core.events import (
    SessionState,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from frontend.dialog import moves as m


@dataclass(frozen=True, slots=True)
class TurnPolicy:
    """What the machine needs to know of configuration; the tests on words are injected.

    `interrupts` says whether a text holds an interrupt word, `only_sounds` whether it holds
    listening sounds and nothing else. `words_confirm` is the recogniser's
    calibrated_confidence.
    """

    interrupts: Callable[[str], bool]
    only_sounds: Callable[[str], bool]
    confirm_ms: int = 600
    words_confirm: bool = False
    barge_in: bool = True
    auto_reply: bool = True
    preemptive: bool = True


class Phase(Enum):
    """How far a reply has come."""

    PREPARED = auto()
    PENDING = auto()
    AUDIBLE = auto()


@dataclass(slots=True)
class _Reply:
    id: int
    phase: Phase
    utterance: int | None = None
    text: str = ""


@dataclass(slots=True)
class _Speech:
    """The utterance being spoken now."""

    utterance: int
    text: str = ""
    ms: int = 0
    paused: bool = False


class TurnMachine:
    """Feed events with `handle`; act on the decisions in order."""

    def __init__(self, policy: TurnPolicy) -> None:
        self.policy = policy
        self.state = SessionState.IDLE
        self._reply: _Reply | None = None
        self._speech: _Speech | None = None
        self._due: set[int] = set()
        self._unanswered = False
        self._requested = False
        self._spoken_before = False
        self._next_reply = 0
        self._out: list[m.Decision] = []

    @property
    def active_reply(self) -> int | None:
        """The reply that is promised or playing; a prepared one does not count."""
        return self._reply.id if self._reply and self._reply.phase is not Phase.PREPARED else None

    @property
    def thinking(self) -> bool:
        """The turn is over and its answer is not audible yet."""
        return (
            self.state is SessionState.LISTENING
            and self._speech is None
            and (bool(self._due) or self.active_reply is not None)
        )

    def handle(self, event: m.Event) -> list[m.Decision]:
        """The decisions this event calls for; none once TERMINATED."""
        if self.state is SessionState.TERMINATED:
            return []
        self._out = []
        match event:
            case SpeechStarted(utterance=utterance):
                self._speech_started(utterance)
            case SpeechPaused() if self._speech:
                self._speech.paused = True
            case SpeechResumed() if self._speech:
                self._speech.paused = False
                self._discard_prepared()
            case SpeechEnded(utterance=utterance):
                self._speech_ended(utterance)
            case m.UtteranceCommitted(utterance=utterance):
                self._committed(utterance)
            case m.UtteranceCleared(utterance=utterance):
                self._cleared(utterance)
            case m.SpeechLasted(utterance=utterance, ms=ms):
                self._speech_lasted(utterance, ms)
            case Transcript():
                self._transcript(event)
            case TranscriptFailed(utterance=utterance):
                self._final(utterance, "")
            case m.ReplyAudible(reply=reply):
                self._reply_audible(reply)
            case m.ReplyEnded(reply=reply):
                self._reply_ended(reply)
            case m.ReplyRequested():
                self._reply_requested()
            case m.UserText(text=text, respond=respond):
                self._user_text(text, respond)
            case m.InterruptRequested():
                self._interrupt("client_cancelled")
            case m.SessionOver(reason=reason):
                self._over(reason)
        return self._out

    # --- the person -------------------------------------------------------------------------

    def _speech_started(self, utterance: int) -> None:
        self._speech = _Speech(utterance)
        self._discard_prepared()
        if self._reply is None:
            self.state = SessionState.LISTENING
        elif self.policy.barge_in:
            self.state = SessionState.BARGED_IN
            self._out.append(m.PauseReply(self._reply.id))

    def _speech_lasted(self, utterance: int, ms: int) -> None:
        if self._speech and self._speech.utterance == utterance:
            self._speech.ms = ms
            self._consider_barge_in(self._speech)

    def _speech_ended(self, utterance: int) -> None:
        speech, self._speech = self._speech, None
        if speech is None or speech.utterance != utterance:
            return
        if self.state is SessionState.BARGED_IN:
            self._out.append(m.AbandonUtterance(utterance))
            self._resume()
            return
        self._due.add(utterance)
        self._out.append(m.FinishUtterance(utterance))

    def _committed(self, utterance: int) -> None:
        if self.state is SessionState.BARGED_IN:
            self._interrupt("interrupted")
        if self._speech and self._speech.utterance == utterance:
            self._speech = None
        self._due.add(utterance)
        if self._reply is None:
            self.state = SessionState.LISTENING
        self._out.append(m.FinishUtterance(utterance))

    def _cleared(self, utterance: int) -> None:
        self._out.append(m.AbandonUtterance(utterance))
        if self._speech is None or self._speech.utterance != utterance:
            return
        self._speech = None
        self._discard_prepared()
        if self.state is SessionState.BARGED_IN:
            self._resume()
        else:
            self._settle()

    def _resume(self) -> None:
        if self._reply is None:
            return
        self._out.append(m.ResumeReply(self._reply.id))
        audible = self._reply.phase is Phase.AUDIBLE
        self.state = SessionState.SPEAKING if audible else SessionState.LISTENING

    def _consider_barge_in(self, speech: _Speech) -> None:
        """Step two of a barge-in: is this speech meant for us?"""
        if self.state is not SessionState.BARGED_IN or self._reply is None:
            return
        policy, text = self.policy, speech.text
        only_sounds = bool(text) and policy.only_sounds(text)
        if (
            (text and policy.interrupts(text))
            or (text and policy.words_confirm and not only_sounds)
            or (speech.ms >= policy.confirm_ms and not only_sounds)
        ):
            self._interrupt("interrupted")

    # --- what the recogniser heard ----------------------------------------------------------

    def _transcript(self, transcript: Transcript) -> None:
        utterance, text = transcript.utterance, transcript.text.strip()
        if transcript.kind is TranscriptKind.FINAL:
            self._final(utterance, text)
            return
        if self._speech is None or self._speech.utterance != utterance:
            return  # words without voice activity, or of an utterance that is over
        self._speech.text = text
        self._consider_barge_in(self._speech)
        if transcript.kind is TranscriptKind.PAUSE and self._speech.paused:
            self._prepare(utterance, text)

    def _prepare(self, utterance: int, text: str) -> None:
        wanted = self.policy.preemptive and self.policy.auto_reply and text and not self._due
        if self.state is not SessionState.LISTENING or not wanted:
            return
        if self._reply and (self._reply.phase is not Phase.PREPARED or self._reply.text == text):
            return
        self._discard_prepared()
        self._reply = _Reply(self._new_id(), Phase.PREPARED, utterance, text)
        self._out.append(m.PrepareReply(self._reply.id, text))

    def _final(self, utterance: int, text: str) -> None:
        if utterance not in self._due:
            return
        self._due.discard(utterance)
        if text:
            self._out.append(m.CommitUser(text, utterance))
            self._unanswered = True
        prepared = self._reply
        if prepared and prepared.phase is Phase.PREPARED:
            if text and (prepared.utterance, prepared.text) == (utterance, text):
                prepared.phase = Phase.PENDING
                self._unanswered = False
                self._out.append(m.SpeakReply(prepared.id))
                return
            self._discard_prepared()
        self._settle()

    # --- replies ----------------------------------------------------------------------------

    def _reply_audible(self, reply: int) -> None:
        if self._reply and self._reply.id == reply and self._reply.phase is Phase.PENDING:
            self._reply.phase = Phase.AUDIBLE
            self._spoken_before = True
            if self.state is SessionState.LISTENING:
                self.state = SessionState.SPEAKING

    def _reply_ended(self, reply: int) -> None:
        if self._reply is None or self._reply.id != reply:
            return
        if self._reply.phase is Phase.PREPARED:
            return  # a preemptive reply that broke or ran dry says so when it is spoken
        self._reply = None
        self._settle()

    def _reply_requested(self) -> None:
        if self.active_reply is not None:
            return
        self._discard_prepared()
        if self._due:
            self._requested = True  # answered when the words it is about are known
        else:
            self._start()

    def _user_text(self, text: str, respond: bool) -> None:
        self._discard_prepared()
        if respond and self._reply:
            self._interrupt("interrupted")
        self._out.append(m.CommitUser(text, None))
        if respond:
            self._start()

    def _interrupt(self, reason: str) -> None:
        if self.active_reply is None or self._reply is None:
            return
        self._out.append(m.CancelReply(self._reply.id, reason))
        if reason == "interrupted" and self._reply.phase is Phase.PENDING:
            self._unanswered = True  # what it answered still waits, if nothing new is said
        self._reply = None
        self._settle(answer=False)

    def _start(self) -> None:
        self._reply = _Reply(self._new_id(), Phase.PENDING)
        self._unanswered = self._requested = False
        if self.state is not SessionState.BARGED_IN:
            self.state = SessionState.LISTENING
        self._out.append(m.StartReply(self._reply.id))

    def _settle(self, *, answer: bool = True) -> None:
        """Where a conversation stands when a reply or a transcript is over."""
        if self._reply is not None:
            return
        if self._speech or self._due:
            self.state = SessionState.LISTENING
        elif self._requested or (answer and self._unanswered and self.policy.auto_reply):
            self._start()
        else:
            quiet_first = not (self._spoken_before or self._unanswered)
            self.state = (
                SessionState.IDLE if quiet_first else SessionState.WAITING_FOR_INPUT
            )

    def _discard_prepared(self) -> None:
        if self._reply and self._reply.phase is Phase.PREPARED:
            self._out.append(m.DiscardReply(self._reply.id))
            self._reply = None

    def _over(self, reason: str) -> None:
        self._discard_prepared()
        if self._reply:
            self._out.append(m.CancelReply(self._reply.id, reason))
            self._reply = None
        self._out.append(m.EndSession(reason))
        self.state = SessionState.TERMINATED

    def _new_id(self) -> int:
        self._next_reply += 1
        return self._next_reply
