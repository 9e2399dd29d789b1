"""What the stages report: turned into events of the machine, notices, and marks of the trace."""

from collections.abc import Callable
from typing import Protocol

from vdx.core.errors import ModelUnavailable, TritonUnavailable, VdxError
from vdx.core.events import (
    LevelTooLow,
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from vdx.core.logs import logger
from vdx.core.metrics import ERRORS
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    LevelHint,
    PartialTranscript,
    RecognitionFailed,
    UtteranceEnded,
    UtteranceStarted,
)
from vdx.dialog.speaking import Audience
from vdx.dialog.trace import TurnTrace
from vdx.dialog.turn_events import SpeechLasted, TurnEvent

log = logger(__name__)

SAMPLES_PER_MS = 16
LOST = (ModelUnavailable, TritonUnavailable)
"""Failures of a recogniser that is gone: the person, who hears nothing of it, is told."""


class ReportsHost(Protocol):
    """The session, as its stages see it."""

    id: str

    @property
    def state(self) -> SessionState: ...
    def handle(self, event: TurnEvent) -> None: ...
    def apologise(self) -> None: ...


class StageReports:
    """Called on the event loop by hearing and speaking."""

    def __init__(
        self,
        host: ReportsHost,
        audience: Audience,
        trace: TurnTrace,
        clock: Callable[[], float],
    ) -> None:
        self._host = host
        self._audience = audience
        self._trace = trace
        self._clock = clock

    @property
    def state(self) -> SessionState:
        return self._host.state

    def on_speech(self, event: SpeechEvent, when: float) -> None:
        """Voice activity; `when` it happened on the session's clock."""
        if isinstance(event, LevelTooLow):
            self._audience.notify(LevelHint(event.rms, event.threshold))
            return
        self._mark_speech(event, when)
        if isinstance(event, SpeechEnded):
            self._audience.notify(UtteranceEnded(event.utterance, event.at // SAMPLES_PER_MS))
        self._host.handle(event)
        if isinstance(event, SpeechStarted):
            interrupting = self.state is SessionState.BARGED_IN
            at_ms = event.at // SAMPLES_PER_MS
            self._audience.notify(UtteranceStarted(event.utterance, at_ms, interrupting))

    def _mark_speech(self, event: SpeechEvent, when: float) -> None:
        if self.state is SessionState.BARGED_IN:
            return  # it may be noise, and the turn that is being answered keeps its marks
        if isinstance(event, SpeechPaused):
            self._trace.begin(event.utterance, when)
            self._trace.mark("pause_noticed", self._clock())
        elif isinstance(event, SpeechEnded):
            if self._trace.utterance != event.utterance:  # confirmed after its pause had begun
                self._trace.begin(event.utterance, when)
            self._trace.mark("endpoint", self._clock())

    def on_speech_lasted(self, utterance: int, ms: int) -> None:
        """How long the speech over a reply has lasted by now."""
        self._host.handle(SpeechLasted(utterance, ms))

    def heard(self, event: Transcript | TranscriptFailed) -> None:
        """What the recogniser says of an utterance."""
        number, now = event.utterance, self._clock()
        if isinstance(event, TranscriptFailed):
            self.trouble(event.error)
            self._audience.notify(RecognitionFailed(number, event.error))
        elif event.kind is TranscriptKind.FINAL:
            self._trace.mark("final_transcript", now)
            self._audience.notify(FinalTranscript(number, event.text.strip()))
        else:
            if event.kind is TranscriptKind.PAUSE:
                self._trace.mark("speculative_transcript", now)
            self._audience.notify(PartialTranscript(number, event.text, event.stable))
        self._host.handle(event)
        if isinstance(event, TranscriptFailed) and isinstance(event.error, LOST):
            self._host.apologise()

    def trouble(self, error: VdxError) -> None:
        """Something failed; the session goes on."""
        ERRORS.labels(error.service, error.code).inc()
        log.warning("trouble", service=error.service, code=error.code, error=error.for_log)
        self._audience.notify(ErrorOccurred(error))
