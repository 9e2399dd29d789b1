"""The one path of a session's events: from the stages and the client to all that act on them.

The stages (VAD, recogniser, responder, voice, playout) and the session's own methods call
`Dispatcher.emit`, which does in this order what the table says for the event's class:

    event               trace                   transport          machine  afterwards
    ------------------  ----------------------  -----------------  -------  ------------------------
    SpeechStarted                                                  yes      UtteranceStarted
    SpeechPaused        begin, pause_noticed                       yes
    SpeechResumed                                                  yes
    PauseJudged         endpointer                                 yes
    SpeechLasted                                                   yes
    SpeechEnded         endpoint                UtteranceEnded     yes
    LevelTooLow                                 LevelHint
    Transcript PARTIAL                          PartialTranscript  yes
    Transcript PAUSE    speculative_transcript  PartialTranscript  yes
    Transcript FINAL    final_transcript        FinalTranscript    yes
      over a reply                                                 yes
    TranscriptFailed                            ErrorOccurred,     yes      ReplyRequested (apology)
                                                RecognitionFailed           if the recogniser died
    ResponderStarted    first_text
    SynthesisStarted    first_voice
    ReplyPaused                                                    yes
    ReplyAudible        first_audio                                yes      TurnTimed
    ClauseStarted                               ReplyClause
    ReplyEnded                                  ReplyDone          yes
    StageFailed                                 ErrorOccurred
    client's requests                                              yes
    SessionEvent                                itself

The turn machine's decisions are carried out before the next event; each one that changes the
state ends with StateChanged. An event that is emitted meanwhile waits until they are.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, get_args

from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import ModelUnavailable, TritonUnavailable
from vdx.core.events import (
    ClauseStarted,
    LevelTooLow,
    PauseJudged,
    ReplyAudible,
    ReplyEnded,
    ResponderStarted,
    SessionState,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    StageEvent,
    StageFailed,
    SynthesisStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from vdx.core.logs import logger
from vdx.core.metrics import ERRORS, TURNS
from vdx.dialog.decisions import DecisionHandler
from vdx.dialog.hearing import Hearing
from vdx.dialog.ids import SessionIds, UtteranceIds
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    LevelHint,
    PartialTranscript,
    RecognitionFailed,
    SessionEvent,
    StateChanged,
    TurnTimed,
    UtteranceEnded,
    UtteranceStarted,
)
from vdx.dialog.speaking import Speaking
from vdx.dialog.trace import TurnTrace
from vdx.dialog.turn import TurnMachine
from vdx.dialog.turn_events import ReplyRequested, TurnEvent

log = logger(__name__)

Event = StageEvent | TurnEvent | SessionEvent

LOST = (ModelUnavailable, TritonUnavailable)
"""Failures of a recogniser that is gone: the user, who only hears silence, gets an apology."""
NOTHING_DUE = (SessionState.IDLE, SessionState.WAITING_FOR_INPUT)
"""The states in which nothing that was said will be answered unless the client asks for it."""


class Dispatcher:
    """Call `emit` on the event loop; `start` once decisions can be carried out.

    `notify` sends an event to the transport; `hearing` knows when a sample of the input arrived.
    """

    def __init__(
        self,
        machine: TurnMachine,
        decisions: DecisionHandler,
        speaking: Speaking,
        trace: TurnTrace,
        ids: SessionIds,
        notify: Callable[[SessionEvent], None],
        clock: Callable[[], float],
        hearing: Hearing,
    ) -> None:
        self._machine = machine
        self._decisions = decisions
        self._speaking = speaking
        self._trace = trace
        self._ids = ids
        self._notify = notify
        self._clock = clock
        self._time_at = hearing.time_at
        self._input_ms = hearing.input_ms
        self._queue: deque[TurnEvent] = deque()
        self._started = False
        self._deciding = False
        self._state = (SessionState.IDLE, False)
        self._handlers: dict[type, Callable[[Any], None]] = {
            **dict.fromkeys(get_args(SessionEvent), notify),
            **dict.fromkeys(get_args(TurnEvent), self._decide),
            SpeechStarted: self._speech_started,
            SpeechPaused: self._speech_paused,
            SpeechEnded: self._speech_ended,
            LevelTooLow: lambda event: notify(LevelHint(event.rms, event.threshold)),
            PauseJudged: self._pause_judged,
            Transcript: self._transcript,
            TranscriptFailed: self._transcript_failed,
            ResponderStarted: lambda event: self._mark_reply("first_text", event.reply),
            SynthesisStarted: lambda event: self._mark_reply("first_voice", event.reply),
            ReplyAudible: self._reply_audible,
            ClauseStarted: self._clause_started,
            ReplyEnded: self._reply_ended,
            StageFailed: self._stage_failed,
        }

    def emit(self, event: Event) -> None:
        """Does with one event what the table of this module says; returns at once."""
        self._handlers[type(event)](event)

    def start(self) -> None:
        """Handles what waits for the turn machine, and from now on every event as it comes."""
        self._started = True
        self._handle_queue()

    # --- the turn machine -------------------------------------------------------------------

    def _decide(self, event: TurnEvent) -> None:
        self._queue.append(event)
        if self._started and not self._deciding:
            self._handle_queue()

    def _handle_queue(self) -> None:
        self._deciding = True
        try:
            while self._queue:
                self._handle_next(self._queue.popleft())
        finally:
            self._deciding = False

    def _handle_next(self, event: TurnEvent) -> None:
        machine = self._machine
        before = machine.active_reply
        for decision in machine.handle(event):
            self._decisions.carry_out(decision)
        state = (machine.state, machine.thinking)
        if state != self._state:
            self._state = state
            self._notify(StateChanged(*state))
        reply_over = before is not None and machine.active_reply != before
        self._decisions.finish(self._clock(), reply_over=reply_over)

    # --- VAD and recogniser -----------------------------------------------------------------

    def _speech_started(self, event: SpeechStarted) -> None:
        self._decide(event)
        interrupting = self._machine.state is SessionState.BARGED_IN
        ids = self._ids.utterance(event.utterance)
        self._notify(UtteranceStarted(ids, self._input_ms(event.at), interrupting))

    def _speech_paused(self, event: SpeechPaused) -> None:
        if self._is_turn:
            self._trace.begin(event.utterance, self._time_at(event.at))
            self._trace.mark("pause_noticed", self._clock())
        self._decide(event)

    def _pause_judged(self, event: PauseJudged) -> None:
        if self._trace.utterance == event.utterance:
            self._trace.mark("endpointer", self._clock())
        self._decide(event)

    def _speech_ended(self, event: SpeechEnded) -> None:
        if self._is_turn:
            if self._trace.utterance != event.utterance:  # confirmed after its pause had begun
                self._trace.begin(event.utterance, self._time_at(event.at))
            self._trace.mark("endpoint", self._clock())
        ids = self._ids.utterance(event.utterance)
        self._notify(UtteranceEnded(ids, self._input_ms(event.at)))
        self._decide(event)

    @property
    def _is_turn(self) -> bool:
        """Whether speech is marked: over a reply it may be noise, and that turn keeps its marks."""
        return self._machine.state is not SessionState.BARGED_IN

    def _transcript(self, event: Transcript) -> None:
        ids = self._ids.utterance(event.utterance)
        if self._machine.overlaps(event.utterance):
            pass  # its decision tells whether it was anything
        elif event.kind is TranscriptKind.FINAL:
            self._trace.mark("final_transcript", self._clock())
            self._notify(FinalTranscript(ids, event.text.strip()))
        else:
            if event.kind is TranscriptKind.PAUSE:
                self._trace.mark("speculative_transcript", self._clock())
            self._notify(self._partial(ids, event))
        self._decide(event)
        if event.kind is TranscriptKind.FINAL and not event.text.strip():
            self._drop_trace(event.utterance)

    def _partial(self, ids: UtteranceIds, event: Transcript) -> PartialTranscript:
        def ms(into_ms: int) -> int:
            return self._input_ms(event.begin + into_ms * LISTEN_RATE // 1000)

        word_end = ms(event.words[-1].end_ms) if event.words else None
        return PartialTranscript(ids, event.text, event.stable, ms(event.audio_ms), word_end)

    def _drop_trace(self, utterance: int) -> None:
        if self._machine.state in NOTHING_DUE:
            self._trace.drop(utterance)

    def _transcript_failed(self, event: TranscriptFailed) -> None:
        self._stage_failed(StageFailed(event.error))
        if not self._machine.overlaps(event.utterance):
            self._notify(RecognitionFailed(self._ids.utterance(event.utterance), event.error))
        self._decide(event)
        if isinstance(event.error, LOST) and self._machine.policy.auto_reply:
            self._decide(ReplyRequested(say=self._speaking.apology))
        self._drop_trace(event.utterance)

    # --- the reply --------------------------------------------------------------------------

    def _mark_reply(self, stage: str, reply: int) -> None:
        if self._speaking.has(reply):
            self._trace.mark(stage, self._clock())

    def _reply_audible(self, event: ReplyAudible) -> None:
        self._mark_reply("first_audio", event.reply)
        self._decide(event)
        if (timed := self._trace.finish()) is not None:
            TURNS.inc()
            self._notify(TurnTimed(self._ids.reply(event.reply), *timed))

    def _clause_started(self, event: ClauseStarted) -> None:
        if (clause := self._speaking.clause(event)) is not None:
            self._notify(clause)

    def _reply_ended(self, event: ReplyEnded) -> None:
        if self._speaking.has(event.reply):
            self._speaking.finish(event.error)
            self._decide(event)

    def _stage_failed(self, event: StageFailed) -> None:
        error = event.error
        ERRORS.labels(error.service, error.code).inc()
        log.warning("stage failed", service=error.service, code=error.code, error=error.for_log)
        self._notify(ErrorOccurred(error))
