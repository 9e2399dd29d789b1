"""What the metrics say of a session's voice activity detection.

Counted once for each utterance, not for each frame, of which there are fifty a second.
"""

from vdx.core.events import (
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from vdx.core.metrics import NOISE_LEVEL, VAD_EVENTS, VAD_FRAMES
from vdx.speech.input.noise_gate import VadStatistics

EVENTS: dict[type, str] = {
    SpeechStarted: "started",
    SpeechPaused: "paused",
    SpeechResumed: "resumed",
    SpeechEnded: "ended",
}


class VadReport:
    """Adds to the counters what the statistics of one session have grown by."""

    def __init__(self) -> None:
        self._told = {"speech": 0, "gated": 0, "other": 0}

    def event(self, event: SpeechEvent, statistics: VadStatistics) -> None:
        """Counts an event; the end of an utterance brings the frames up to date."""
        if (name := EVENTS.get(type(event))) is not None:
            VAD_EVENTS.labels(name).inc()
        if isinstance(event, SpeechEnded):
            NOISE_LEVEL.observe(statistics.noise_floor)
            self.frames(statistics)

    def frames(self, statistics: VadStatistics) -> None:
        """Counts the frames since the last call."""
        speech = round(statistics.speech_ratio * statistics.frames_processed)
        gated = statistics.frames_gated
        other = max(0, statistics.frames_processed - speech - gated)
        for kind, count in (("speech", speech), ("gated", gated), ("other", other)):
            # A frame that is speech after all, as a soft onset, may have been counted as another.
            VAD_FRAMES.labels(kind).inc(max(0, count - self._told[kind]))
            self._told[kind] = max(count, self._told[kind])
