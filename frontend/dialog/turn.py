"""Who speaks now: a pure state machine, event in, decisions out, no I/O and no clock.

States and what moves between them (an event that a row does not name changes nothing):

    state           event                             next              decisions
    --------------  --------------------------------  ----------------  ----------------------
    IDLE, WAITING   SpeechStarted                     LISTENING
    LISTENING       SpeechStarted, reply prepared     LISTENING         DiscardReply
    LISTENING       SpeechStarted, reply pending      BARGED_IN         PauseReply
    SPEAKING        SpeechStarted                     BARGED_IN         PauseReply
    LISTENING       Transcript PAUSE with words       LISTENING         PrepareReply
    any but         Transcript PAUSE, unfinished      as before         AwaitMore
      BARGED_IN       or not any more
    LISTENING       SpeechResumed                     LISTENING         (DiscardReply)
    LISTENING       SpeechEnded                       LISTENING         FinishUtterance
    LISTENING       Transcript FINAL with words       LISTENING         CommitUser, then
                      prepared for the same words                         SpeakReply
                      else                                                (DiscardReply,)
                                                                          StartReply
    LISTENING       Transcript FINAL empty, failed    IDLE, WAITING     (DiscardReply)
    LISTENING       ReplyAudible                      SPEAKING
    LISTENING       ReplyEnded, reply prepared        LISTENING
    BARGED_IN       confirmed by words or duration    LISTENING         CancelReply
    BARGED_IN       SpeechEnded, not confirmed        SPEAKING, or      AbandonUtterance,
                                                        LISTENING if      ResumeReply
                                                        still pending
    BARGED_IN       ReplyEnded                        LISTENING
    SPEAKING        ReplyEnded                        WAITING           (StartReply)
    any             UserText                          LISTENING         (CancelReply,)
                                                                          CommitUser,
                                                                          StartReply
    any, no reply   ReplyRequested                    LISTENING         StartReply (once no
                                                                          final is due)
    any             UtteranceCommitted                LISTENING, or     (CancelReply,)
                                                        SPEAKING          FinishUtterance
    any             UtteranceCleared                  as SpeechEnded    AbandonUtterance,
                                                        of noise          (ResumeReply)
    any, reply      InterruptRequested                LISTENING or      CancelReply
                                                        WAITING
    any             SessionOver                       TERMINATED        (CancelReply,)
                                                                          EndSession

A reply is *prepared* (preemptive, silent), then *pending* (promised, no frame sent yet) and then
*audible*. One that is pending is protected like an audible one: noise before its first frame
pauses it, only a confirmed interruption ends it. While one utterance's final transcript is due,
or the person speaks again, no reply is started unasked; the words of all of them are answered
together. With `barge_in` off speech over a reply pauses nothing and is answered afterwards.
A pause whose words sound unfinished (`policy.patience_ms`) may last longer before it counts as
SpeechEnded: AwaitMore says how long, for this pause alone. Speech over a reply that is only paused
gets no such patience: the reply waits.

Whoever drives the machine owes it a FINAL or failed transcript for every FinishUtterance that is
not abandoned, and a ReplyEnded for every StartReply and SpeakReply that is not cancelled. Events
of utterances and replies that are over change nothing.
"""

from collections.abc import Callable
from typing import Any

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
from frontend.dialog.floor import Floor, LiveSpeech, Phase
from frontend.dialog.policy import TurnPolicy

__all__ = ["TurnMachine", "TurnPolicy"]


class TurnMachine:
    """Feed events with `handle`; act on the decisions in order."""

    def __init__(self, policy: TurnPolicy) -> None:
        self._floor = Floor(policy)
        self._handlers: dict[type, Callable[[Any], None]] = {
            SpeechStarted: self._speech_started,
            SpeechPaused: self._speech_paused,
            SpeechResumed: self._speech_resumed,
            SpeechEnded: self._speech_ended,
            m.SpeechLasted: self._speech_lasted,
            m.UtteranceCommitted: self._committed,
            m.UtteranceCleared: self._cleared,
            Transcript: self._transcript,
            TranscriptFailed: lambda event: self._final(event.utterance, ""),
            m.ReplyAudible: self._reply_audible,
            m.ReplyEnded: self._reply_ended,
            m.ReplyRequested: self._reply_requested,
            m.UserText: self._user_text,
            m.InterruptRequested: self._interrupt_requested,
            m.SessionOver: self._over,
        }

    @property
    def state(self) -> SessionState:
        return self._floor.state

    @property
    def policy(self) -> TurnPolicy:
        return self._floor.policy

    @policy.setter
    def policy(self, policy: TurnPolicy) -> None:
        self._floor.policy = policy

    @property
    def active_reply(self) -> int | None:
        """The reply that is promised or playing; a prepared one does not count."""
        return self._floor.active_reply

    @property
    def thinking(self) -> bool:
        """The turn is over and its answer is not audible yet."""
        floor = self._floor
        return (
            floor.state is SessionState.LISTENING
            and floor.speech is None
            and (bool(floor.due) or floor.active_reply is not None)
        )

    def handle(self, event: m.Event) -> list[m.Decision]:
        """The decisions this event calls for; none once TERMINATED."""
        if self.state is SessionState.TERMINATED:
            return []
        self._floor.out = []
        self._handlers[type(event)](event)
        return self._floor.out

    # --- the person -------------------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted) -> None:
        floor = self._floor
        if floor.speech_of(event.utterance):
            return
        self._end_speech()  # one that never ended by itself
        floor.speech = LiveSpeech(event.utterance)
        floor.discard_prepared()
        if floor.reply is None:
            floor.state = SessionState.LISTENING
        elif floor.policy.barge_in:
            floor.pause()

    def _speech_paused(self, event: SpeechPaused) -> None:
        if speech := self._floor.speech_of(event.utterance):
            speech.paused = True

    def _speech_resumed(self, event: SpeechResumed) -> None:
        if speech := self._floor.speech_of(event.utterance):
            speech.paused, speech.patience_ms = False, 0
            self._floor.discard_prepared()

    def _speech_lasted(self, event: m.SpeechLasted) -> None:
        if speech := self._floor.speech_of(event.utterance):
            speech.ms = event.ms
            self._consider_barge_in(speech)

    def _speech_ended(self, event: SpeechEnded) -> None:
        if self._floor.speech_of(event.utterance):
            self._end_speech()

    def _end_speech(self) -> None:
        floor = self._floor
        speech, floor.speech = floor.speech, None
        if speech is None:
            return
        if floor.state is SessionState.BARGED_IN:
            floor.abandon(speech.utterance)
            floor.resume()
        else:
            floor.finish(speech.utterance)

    def _committed(self, event: m.UtteranceCommitted) -> None:
        floor = self._floor
        if floor.state is SessionState.BARGED_IN:
            floor.interrupt("interrupted")
        if floor.speech_of(event.utterance):
            floor.speech = None
        if floor.reply is None:
            floor.state = SessionState.LISTENING
        floor.finish(event.utterance)

    def _cleared(self, event: m.UtteranceCleared) -> None:
        floor = self._floor
        was_due = event.utterance in floor.due
        floor.abandon(event.utterance)
        if floor.speech_of(event.utterance):
            floor.speech = None
        elif not was_due:
            return
        floor.discard_prepared()
        if floor.state is SessionState.BARGED_IN and floor.speech is None:
            floor.resume()
        else:
            floor.settle()

    def _consider_barge_in(self, speech: LiveSpeech) -> None:
        """Step two of a barge-in: is this speech meant for us?"""
        floor = self._floor
        barged_in = floor.state is SessionState.BARGED_IN
        if barged_in and floor.policy.confirms(speech.text, speech.ms):
            floor.interrupt("interrupted")

    # --- what the recogniser heard ----------------------------------------------------------

    def _transcript(self, transcript: Transcript) -> None:
        utterance, text = transcript.utterance, transcript.text.strip()
        if transcript.kind is TranscriptKind.FINAL:
            self._final(utterance, text)
            return
        speech = self._floor.speech_of(utterance)
        if speech is None:
            return  # words without voice activity, or of an utterance that is over
        speech.text = text
        self._consider_barge_in(speech)
        if transcript.kind is TranscriptKind.PAUSE and speech.paused:
            self._be_patient(speech, text)
            if text:
                self._prepare(utterance, text)

    def _be_patient(self, speech: LiveSpeech, text: str) -> None:
        floor = self._floor
        if floor.state is not SessionState.BARGED_IN:
            floor.wait_for(speech, floor.policy.patience_ms(text) if text else 0)

    def _prepare(self, utterance: int, text: str) -> None:
        floor = self._floor
        wanted = floor.policy.preemptive and floor.policy.auto_reply
        if not wanted or floor.due or floor.requested or floor.active_reply is not None:
            return
        if floor.reply is None or floor.reply.text != text:
            floor.discard_prepared()
            floor.prepare(utterance, text)

    def _final(self, utterance: int, text: str) -> None:
        floor = self._floor
        if utterance not in floor.due:
            return
        floor.due.discard(utterance)
        if text:
            floor.commit_user(text, utterance)
            floor.unanswered = True
        prepared = floor.reply
        if prepared and prepared.phase is Phase.PREPARED:
            right = bool(text) and (prepared.utterance, prepared.text) == (utterance, text)
            if right and floor.policy.auto_reply:
                floor.speak_prepared(prepared)
                return
            floor.discard_prepared()
        floor.settle()

    # --- replies ----------------------------------------------------------------------------

    def _reply_audible(self, event: m.ReplyAudible) -> None:
        floor = self._floor
        reply = floor.reply
        if reply and reply.id == event.reply and reply.phase is Phase.PENDING:
            reply.phase = Phase.AUDIBLE
            floor.anything_said = True
            if floor.state is SessionState.LISTENING:
                floor.state = SessionState.SPEAKING

    def _reply_ended(self, event: m.ReplyEnded) -> None:
        floor = self._floor
        if floor.reply is None or floor.reply.id != event.reply:
            return
        prepared = floor.reply.phase is Phase.PREPARED
        floor.reply = None
        if not prepared:  # one that broke in silence is replaced when the turn ends
            floor.settle()

    def _reply_requested(self, event: m.ReplyRequested) -> None:
        floor = self._floor
        if floor.active_reply is not None:
            return
        floor.discard_prepared()
        floor.requested = event
        if not floor.due:  # else answered when the words it is about are known
            floor.start()

    def _user_text(self, event: m.UserText) -> None:
        floor = self._floor
        floor.discard_prepared()
        if event.respond:
            floor.requested = None
            floor.interrupt("interrupted")
        floor.commit_user(event.text, None)
        if event.respond:
            floor.start()

    def _interrupt_requested(self, _: m.InterruptRequested) -> None:
        self._floor.interrupt("client_cancelled")

    def _over(self, event: m.SessionOver) -> None:
        self._floor.end(event.reason)
