"""The turn machine: who speaks now. Event in, decisions out; no I/O and no clock.

States and transitions (an event that no row names changes nothing):

    state           event                             next              decisions
    --------------  --------------------------------  ----------------  ----------------------
    IDLE, WAITING   SpeechStarted                     LISTENING
    LISTENING       SpeechStarted, reply prepared     LISTENING         DiscardReply
    LISTENING       SpeechStarted, reply pending      BARGED_IN         PauseReply
    SPEAKING        SpeechStarted                     BARGED_IN         PauseReply
    LISTENING       Transcript PAUSE with words       LISTENING         PrepareReply
    any but         SpeechPaused, Transcript PAUSE,   as before         (SetEndpoint)
      BARGED_IN       PauseJudged
    LISTENING       SpeechResumed                     LISTENING         (DiscardReply)
    LISTENING       SpeechEnded                       LISTENING         FinishUtterance
    LISTENING       Transcript FINAL with words       LISTENING         CommitUser, then
                      prepared for the same words                         SpeakReply
                      else                                                (DiscardReply,)
                                                                          StartReply
    LISTENING       Transcript FINAL empty, failed    IDLE, WAITING     (DiscardReply)
    LISTENING       ReplyAudible                      SPEAKING
    LISTENING       ReplyEnded, reply prepared        LISTENING
    BARGED_IN       ReplyPaused                       BARGED_IN
    BARGED_IN       confirmed by words or duration    LISTENING         CancelReply
    any             Transcript PAUSE or FINAL of      as before         ForgetReply, then
                      who went on                                         as any other
    BARGED_IN       SpeechEnded, not confirmed        SPEAKING, or      FinishUtterance,
                                                        LISTENING if      ResumeReply
                                                        still pending
    any             Transcript FINAL of it: words     as before         KeepUtterance,
                                                                          CommitUser
                      that confirm after all          LISTENING         KeepUtterance,
                                                                          CancelReply,
                                                                          CommitUser
                      noise, failed                   as before         AbandonUtterance
    BARGED_IN       ReplyEnded                        LISTENING
    SPEAKING        ReplyEnded                        WAITING           (StartReply)
    any             UserText                          LISTENING         (CancelReply,)
                                                                          CommitUser,
                                                                          StartReply
    any, no reply   ReplyRequested                    LISTENING         StartReply (once nobody
                                                                          speaks and no final
                                                                          is due)
    any, reply      ReplyRequested, queued            as before         (StartReply once the
                                                                          reply is over)
    any             UtteranceCommitted                LISTENING, or     (CancelReply,)
                                                        SPEAKING          FinishUtterance
    any             UtteranceCleared                  as SpeechEnded    AbandonUtterance,
                                                        of noise          (ResumeReply)
    any             UtteranceHandedOver               as SpeechEnded    (ResumeReply)
                                                        of noise
    any, reply      InterruptRequested                LISTENING or      CancelReply
                                                        WAITING
    any             SessionOver                       TERMINATED        (CancelReply,)
                                                                          EndSession

A reply is *prepared* (preemptive, silent), then *pending* (released, no frame sent yet) and then
*audible*. A pending one is treated like an audible one: noise before its first frame pauses it,
only a confirmed barge-in ends it. While a final transcript is due, or the user speaks again, no
reply is started unless it is requested; all these utterances are answered together. With
`barge_in` off speech over a reply pauses nothing and is answered afterwards.
Speech over a reply that did not interrupt it is recognised all the same (`overlap.py`): words are a
turn, answered when the reply is over; a listening sound is dropped with the reply's end, unless it
came right before it and so answers the reply.
Who speaks on within GOES_ON_MS of the reply's first sound was not done. Once that is confirmed, by
the words alone if it was short, and unless it is a word of the interrupt list, ForgetReply makes
both halves one turn: the reply leaves the history, and what it answered is answered again, together
with what followed.
How long a pause may last before it counts as SpeechEnded follows from its words and from what the
endpointer heard (`policy.silence_ms`): SetEndpoint says it, for this pause alone, whenever one of
the two comes. Speech over a reply that is only paused gets no such silence: the reply waits.

The caller must answer every FinishUtterance that is not abandoned with a FINAL or failed
transcript, and every StartReply and SpeakReply that is not cancelled with a ReplyEnded. Events of
utterances and replies that are over change nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from vdx.core.events import (
    PauseJudged,
    ReplyAudible,
    ReplyEnded,
    ReplyPaused,
    SessionState,
    SpeechEnded,
    SpeechLasted,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from vdx.dialog.live_speech import LiveSpeech
from vdx.dialog.overlap import Overlap, OverlapVerdict
from vdx.dialog.policy import TurnPolicy
from vdx.dialog.turn_decisions import (
    AbandonUtterance,
    CancelReply,
    CommitUser,
    DiscardReply,
    EndSession,
    FinishUtterance,
    ForgetReply,
    KeepUtterance,
    PauseReply,
    PrepareReply,
    ResumeReply,
    SetEndpoint,
    SpeakReply,
    StartReply,
    TurnDecision,
)
from vdx.dialog.turn_events import (
    InterruptRequested,
    ReplyRequested,
    SessionOver,
    TurnEvent,
    UserText,
    UtteranceCleared,
    UtteranceCommitted,
    UtteranceHandedOver,
)

__all__ = ["TurnMachine", "TurnPolicy"]


GOES_ON_MS = 1_000
"""Of a reply that were played: who speaks over it by then was cut off, and goes on."""


class _Phase(Enum):
    """Progress of a reply."""

    PREPARED = auto()
    PENDING = auto()
    AUDIBLE = auto()


@dataclass(slots=True)
class _LiveReply:
    """The reply under way; a prepared one answers `utterance`, whose words were `text`.

    `to_speech`: it answers what was said, and nothing that was typed or asked for. `played_ms` is
    how much of it was heard when somebody spoke over it.
    """

    id: int
    phase: _Phase
    utterance: int | None = None
    text: str = ""
    to_speech: bool = True
    played_ms: int = 0


class _TurnState:
    """At most one reply, at most one speech, and the utterances whose final transcript is due.

    Every step appends its decisions to `out`.
    """

    def __init__(self, policy: TurnPolicy) -> None:
        self.policy = policy
        self.state = SessionState.IDLE
        self.reply: _LiveReply | None = None
        self.speech: LiveSpeech | None = None
        self.due: set[int] = set()
        self.overlaps: dict[int, Overlap] = {}
        self.unanswered = False
        self.cut_short: tuple[int, int] | None = None
        """An utterance that may go on with the turn before it, and the reply that it ended."""
        self.requested: ReplyRequested | None = None
        self.anything_said = False
        self.out: list[TurnDecision] = []
        self._next_reply = 0

    @property
    def active_reply(self) -> int | None:
        """The reply that is pending or playing; a prepared one does not count."""
        return self.reply.id if self.reply and self.reply.phase is not _Phase.PREPARED else None

    def speech_of(self, utterance: int) -> LiveSpeech | None:
        """The speech under way, if this is its number: events of another are out of date."""
        return self.speech if self.speech and self.speech.utterance == utterance else None

    def set_endpoint(self, speech: LiveSpeech) -> None:
        """How long the pause of `speech` may last, where that changes."""
        if (silence_ms := speech.new_endpoint(self.policy.silence_ms)) is not None:
            self.out.append(SetEndpoint(speech.utterance, silence_ms))

    def finish(self, utterance: int, *, over_reply: bool = False) -> None:
        self.due.add(utterance)
        self.out.append(FinishUtterance(utterance, over_reply))

    def abandon(self, utterance: int) -> None:
        self.due.discard(utterance)
        self.overlaps.pop(utterance, None)
        self.out.append(AbandonUtterance(utterance))

    def commit_user(self, text: str, utterance: int | None) -> None:
        self.anything_said = True
        self.out.append(CommitUser(text, utterance))

    def overlapped(self, speech: LiveSpeech, reply: _LiveReply) -> None:
        """Speech over a reply ended and did not interrupt it."""
        soon = self.begins_soon(reply, reply.played_ms)
        overlap = Overlap(speech.utterance, reply.id, reply.played_ms, speech.ms, soon)
        self.overlaps[speech.utterance] = overlap
        self.finish(speech.utterance, over_reply=True)

    def resolve(self, overlap: Overlap, text: str) -> None:
        """The words of speech over a reply are known: what was it?"""
        utterance = overlap.utterance
        reply = self.reply if self.reply and self.reply.id == overlap.reply else None
        audible = reply is None or reply.phase is _Phase.AUDIBLE
        verdict = overlap.verdict(text, self.policy, audible=audible)
        if verdict is OverlapVerdict.LISTENING and reply is not None:
            overlap.text = text
            return
        if verdict in (OverlapVerdict.NOISE, OverlapVerdict.LISTENING):
            self.abandon(utterance)
            return
        del self.overlaps[utterance]
        self.out.append(KeepUtterance(utterance, text))
        if reply is not None and verdict is OverlapVerdict.INTERRUPTION:
            self.confirm(utterance, overlap.at_ms)
            self.goes_on(utterance, text)
        self.commit_user(text, utterance)
        self.unanswered = True

    def close_overlaps(self, reply: int, played_ms: int | None) -> None:
        """A reply is over, after `played_ms`, or cancelled: None."""
        for overlap in [found for found in self.overlaps.values() if found.reply == reply]:
            if played_ms is not None:
                overlap.reply_ended(played_ms)
            if overlap.text is not None:
                self.resolve(overlap, overlap.text)

    def confirm(self, utterance: int, at_ms: int) -> None:
        """Step two of a barge-in, by an utterance that began after `at_ms` of the reply."""
        reply = self.reply
        if reply and reply.to_speech and reply.phase is _Phase.AUDIBLE:
            soon = self.begins_soon(reply, at_ms)
            self.cut_short = (utterance, reply.id) if soon else None
        self.interrupt("interrupted")

    def begins_soon(self, reply: _LiveReply, at_ms: int) -> bool:
        """Whether who speaks after `at_ms` of the reply was not done when it began."""
        answers = reply.to_speech and reply.phase is _Phase.AUDIBLE
        return answers and at_ms <= GOES_ON_MS and self.policy.forgets

    def prepare(self, utterance: int, text: str) -> None:
        self.reply = _LiveReply(self._new_id(), _Phase.PREPARED, utterance, text)
        self.out.append(PrepareReply(self.reply.id, text))

    def discard_prepared(self) -> None:
        if self.reply and self.reply.phase is _Phase.PREPARED:
            self.out.append(DiscardReply(self.reply.id))
            self.reply = None

    def speak_prepared(self, reply: _LiveReply) -> None:
        reply.phase = _Phase.PENDING
        self.unanswered = False
        self.out.append(SpeakReply(reply.id))

    def start(self, *, to_speech: bool = False) -> None:
        """Starts a reply to all that is unanswered, as it was requested if it was."""
        request = self.requested or ReplyRequested()
        self.reply = _LiveReply(self._new_id(), _Phase.PENDING, to_speech=to_speech)
        self.unanswered, self.requested = False, None
        self.cut_short = None  # this reply answers what was said before; nothing is answered again
        self.state = SessionState.LISTENING
        self.out.append(StartReply(self.reply.id, request.instructions, request.say, request.own))

    def pause(self) -> None:
        """Step one of a barge-in."""
        if self.reply:
            self.state = SessionState.BARGED_IN
            self.out.append(PauseReply(self.reply.id))

    def resume(self) -> None:
        """The speech over the reply was no barge-in."""
        if self.reply:
            audible = self.reply.phase is _Phase.AUDIBLE
            self.state = SessionState.SPEAKING if audible else SessionState.LISTENING
            self.out.append(ResumeReply(self.reply.id))

    def interrupt(self, reason: str) -> None:
        """Step two of a barge-in, or the client's request; a prepared reply is left alone."""
        if self.active_reply is None or self.reply is None:
            return
        self.out.append(CancelReply(self.reply.id, reason))
        if reason == "interrupted" and self.reply.phase is _Phase.PENDING:
            self.unanswered = True  # what it answered is answered again if nothing new is said
        ended, self.reply = self.reply.id, None
        self.close_overlaps(ended, None)
        self.settle(answer=False)

    def goes_on(self, utterance: int, text: str) -> None:
        """The words of an utterance that ended a reply soon after its first sound are known."""
        if self.cut_short is None or self.cut_short[0] != utterance:
            return
        (_, reply), self.cut_short = self.cut_short, None
        if not (text and self.policy.interrupts(text)):
            self.out.append(ForgetReply(reply))
            self.unanswered = True

    def settle(self, *, answer: bool = True) -> None:
        """Finds the state after a reply or a transcript is over; may start the next reply."""
        if self.reply is not None:
            return
        if self.speech or self.due:
            self.state = SessionState.LISTENING
        elif self.requested or (answer and self.unanswered and self.policy.auto_reply):
            self.start(to_speech=self.requested is None)
        elif self.anything_said:
            self.state = SessionState.WAITING_FOR_INPUT
        else:
            self.state = SessionState.IDLE

    def end(self, reason: str) -> None:
        self.discard_prepared()
        if self.reply:
            self.out.append(CancelReply(self.reply.id, reason))
            self.reply = None
        self.out.append(EndSession(reason))
        self.state = SessionState.TERMINATED

    def _new_id(self) -> int:
        self._next_reply += 1
        return self._next_reply


class TurnMachine:
    """Feed events with `handle`; act on the decisions in order."""

    def __init__(self, policy: TurnPolicy) -> None:
        self._turn = _TurnState(policy)
        self._handlers: dict[type, Callable[[Any], None]] = {
            SpeechStarted: self._speech_started,
            SpeechPaused: self._speech_paused,
            PauseJudged: self._pause_judged,
            SpeechResumed: self._speech_resumed,
            SpeechEnded: self._speech_ended,
            SpeechLasted: self._speech_lasted,
            UtteranceCommitted: self._committed,
            UtteranceCleared: self._cleared,
            UtteranceHandedOver: self._handed_over,
            Transcript: self._transcript,
            TranscriptFailed: lambda event: self._final(event.utterance, ""),
            ReplyPaused: self._reply_paused,
            ReplyAudible: self._reply_audible,
            ReplyEnded: self._reply_ended,
            ReplyRequested: self._reply_requested,
            UserText: self._user_text,
            InterruptRequested: self._interrupt_requested,
            SessionOver: self._over,
        }

    @property
    def state(self) -> SessionState:
        return self._turn.state

    @property
    def policy(self) -> TurnPolicy:
        return self._turn.policy

    @policy.setter
    def policy(self, policy: TurnPolicy) -> None:
        self._turn.policy = policy

    @property
    def active_reply(self) -> int | None:
        """The reply that is pending or playing; a prepared one does not count."""
        return self._turn.active_reply

    @property
    def reply_requested(self) -> bool:
        """A reply was asked for, and begins when what is being said is understood."""
        return self._turn.requested is not None

    def overlaps(self, utterance: int) -> bool:
        """Whether this was said over a reply, and it is not known yet what it was."""
        return utterance in self._turn.overlaps

    @property
    def thinking(self) -> bool:
        """The turn is over and its answer is not audible yet."""
        turn = self._turn
        return (
            turn.state is SessionState.LISTENING
            and turn.speech is None
            and (bool(turn.due) or turn.active_reply is not None)
        )

    def handle(self, event: TurnEvent) -> list[TurnDecision]:
        """The decisions this event calls for; none once TERMINATED."""
        if self.state is SessionState.TERMINATED:
            return []
        self._turn.out = []
        self._handlers[type(event)](event)
        return self._turn.out

    # --- the user ---------------------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted) -> None:
        turn = self._turn
        if turn.speech_of(event.utterance):
            return
        self._end_speech()  # one that never ended by itself
        turn.speech = LiveSpeech(event.utterance, event.at)
        turn.discard_prepared()
        if turn.reply is None:
            turn.state = SessionState.LISTENING
        elif turn.policy.barge_in:
            turn.pause()

    def _speech_paused(self, event: SpeechPaused) -> None:
        if speech := self._turn.speech_of(event.utterance):
            speech.begin_pause(event.at)
            self._set_endpoint(speech)

    def _pause_judged(self, event: PauseJudged) -> None:
        speech = self._turn.speech_of(event.utterance)
        if speech and speech.judge_pause(event.at, event.probability):
            self._set_endpoint(speech)

    def _speech_resumed(self, event: SpeechResumed) -> None:
        if speech := self._turn.speech_of(event.utterance):
            speech.end_pause()
            self._turn.discard_prepared()

    def _speech_lasted(self, event: SpeechLasted) -> None:
        if speech := self._turn.speech_of(event.utterance):
            speech.ms = event.ms
            self._consider_barge_in(speech)

    def _speech_ended(self, event: SpeechEnded) -> None:
        if self._turn.speech_of(event.utterance):
            self._end_speech()

    def _end_speech(self) -> None:
        turn = self._turn
        speech, turn.speech = turn.speech, None
        if speech is None:
            return
        if turn.state is SessionState.BARGED_IN and turn.reply is not None:
            turn.overlapped(speech, turn.reply)
            turn.resume()
        else:
            turn.finish(speech.utterance)

    def _committed(self, event: UtteranceCommitted) -> None:
        turn = self._turn
        if turn.state is SessionState.BARGED_IN:
            turn.interrupt("interrupted")
        if turn.speech_of(event.utterance):
            turn.speech = None
        if turn.reply is None:
            turn.state = SessionState.LISTENING
        turn.finish(event.utterance)

    def _cleared(self, event: UtteranceCleared) -> None:
        turn = self._turn
        was_due = event.utterance in turn.due
        turn.abandon(event.utterance)
        turn.goes_on(event.utterance, "")
        if turn.speech_of(event.utterance):
            turn.speech = None
        elif not was_due:
            return
        turn.discard_prepared()
        if turn.state is SessionState.BARGED_IN and turn.speech is None:
            turn.resume()
        else:
            turn.settle()

    def _handed_over(self, event: UtteranceHandedOver) -> None:
        turn = self._turn
        if turn.speech_of(event.utterance) is None:
            return
        turn.speech = None
        turn.discard_prepared()
        if turn.state is SessionState.BARGED_IN:
            turn.resume()
        else:
            turn.settle()

    def _consider_barge_in(self, speech: LiveSpeech) -> None:
        """Debounce of barge-in: cancels the reply if words or duration confirm it (step two)."""
        turn = self._turn
        barged_in = turn.state is SessionState.BARGED_IN
        if barged_in and turn.reply and turn.policy.confirms(speech.text, speech.ms):
            turn.confirm(speech.utterance, turn.reply.played_ms)

    # --- transcripts ------------------------------------------------------------------------

    def _transcript(self, transcript: Transcript) -> None:
        utterance, text = transcript.utterance, transcript.text.strip()
        if transcript.kind is TranscriptKind.FINAL:
            self._final(utterance, text)
            return
        turn = self._turn
        speech = turn.speech_of(utterance)
        if speech is None:
            return  # of an utterance that VAD did not find, or that is over
        speech.text = text
        self._consider_barge_in(speech)
        if transcript.kind is TranscriptKind.PAUSE and speech.transcribe_pause(
            text, done=transcript.done
        ):
            self._set_endpoint(speech)
            if text:
                turn.goes_on(utterance, text)
                self._prepare(utterance, text)

    def _set_endpoint(self, speech: LiveSpeech) -> None:
        if self._turn.state is not SessionState.BARGED_IN:
            self._turn.set_endpoint(speech)

    def _prepare(self, utterance: int, text: str) -> None:
        turn = self._turn
        wanted = turn.policy.preemptive and turn.policy.auto_reply
        if not wanted or turn.due or turn.requested or turn.active_reply is not None:
            return
        if turn.reply is None or turn.reply.text != text:
            turn.discard_prepared()
            turn.prepare(utterance, text)

    def _final(self, utterance: int, text: str) -> None:
        turn = self._turn
        if utterance not in turn.due:
            return
        turn.due.discard(utterance)
        if (overlap := turn.overlaps.get(utterance)) is not None:
            turn.resolve(overlap, text)
            turn.settle()
            return
        turn.goes_on(utterance, text)
        if text:
            turn.commit_user(text, utterance)
            turn.unanswered = True
        prepared = turn.reply
        if prepared and prepared.phase is _Phase.PREPARED:
            right = bool(text) and (prepared.utterance, prepared.text) == (utterance, text)
            if right and turn.policy.auto_reply:
                turn.speak_prepared(prepared)
                return
            turn.discard_prepared()
        turn.settle()

    # --- replies ----------------------------------------------------------------------------

    def _reply_paused(self, event: ReplyPaused) -> None:
        reply = self._turn.reply
        if reply and reply.id == event.reply:
            reply.played_ms = event.played_ms

    def _reply_audible(self, event: ReplyAudible) -> None:
        turn = self._turn
        reply = turn.reply
        if reply and reply.id == event.reply and reply.phase is _Phase.PENDING:
            reply.phase = _Phase.AUDIBLE
            turn.anything_said = True
            if turn.state is SessionState.LISTENING:
                turn.state = SessionState.SPEAKING

    def _reply_ended(self, event: ReplyEnded) -> None:
        turn = self._turn
        if turn.reply is None or turn.reply.id != event.reply:
            return
        prepared = turn.reply.phase is _Phase.PREPARED
        turn.reply = None
        if not prepared:  # one that failed is replaced when the turn ends
            turn.close_overlaps(event.reply, event.played_ms)
            turn.settle()

    def _reply_requested(self, event: ReplyRequested) -> None:
        turn = self._turn
        if turn.active_reply is not None:
            if event.queued:  # started when that one is over
                turn.requested = event
            return
        if event.say and turn.requested is not None:
            return  # what the client asked for comes first
        turn.discard_prepared()
        turn.requested = event
        if not (turn.due or turn.speech):  # else started once what is said is understood
            turn.start()

    def _user_text(self, event: UserText) -> None:
        turn = self._turn
        turn.discard_prepared()
        if event.respond:
            turn.requested = None
            turn.interrupt("interrupted")
        turn.commit_user(event.text, None)
        if event.respond:
            turn.start()

    def _interrupt_requested(self, event: InterruptRequested) -> None:
        if not event.this_alone:
            self._turn.requested = None
        self._turn.interrupt("client_cancelled")

    def _over(self, event: SessionOver) -> None:
        self._turn.end(event.reason)
