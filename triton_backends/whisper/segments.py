"""Utterances longer than Whisper's window: where they are cut, and what the pieces said."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE
from triton_backends.shared.decode_queue import Urgency, Work
from triton_backends.shared.errors import Busy
from triton_backends.shared.levels import frame_levels
from triton_backends.shared.scheduler import Scheduler
from triton_backends.whisper.windows import TimedWord, Window, WindowTranscript

WindowWork = Work[Window, WindowTranscript]
WindowScheduler = Scheduler[Window, WindowTranscript]

PAUSE_FRAMES = 15  # 300 ms
QUIET_RATIO = 1.2
MAX_WAITING = 20
"""Segments of one utterance that may wait to be decoded; with windows of 30 s nine minutes."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """`work` is None where no speech is in it."""

    start_ms: int
    work: WindowWork | None


class Segments:
    """What was cut off the front of one utterance, in order; decoded while more is said."""

    def __init__(self, scheduler: WindowScheduler) -> None:
        self.samples = 0
        """How much was cut off."""
        self._scheduler = scheduler
        self._segments: list[_Segment] = []

    def append(self, samples: int, work: WindowWork | None) -> None:
        """The next `samples` were cut off. Raises Busy when too many segments wait."""
        if len(self.waiting) >= MAX_WAITING:
            if work is not None:
                self._scheduler.withdraw(work)
            raise Busy(f"{MAX_WAITING} segments of this utterance wait to be recognised")
        self._segments.append(_Segment(self.samples * 1000 // ASR_RATE, work))
        self.samples += samples

    @property
    def waiting(self) -> list[WindowWork]:
        """Those that are not decoded yet."""
        works = (segment.work for segment in self._segments)
        return [work for work in works if work is not None and not work.result.done()]

    @property
    def decoded(self) -> bool:
        return not self.waiting

    def raise_urgency(self, urgency: Urgency) -> None:
        for work in self.waiting:
            self._scheduler.raise_urgency(work, urgency)

    def withdraw(self) -> None:
        """They are not wanted any more."""
        for work in self.waiting:
            self._scheduler.withdraw(work)

    def transcripts(self) -> list[WindowTranscript]:
        """What they said, once all are decoded; word times count from the utterance's start.

        Raises what a decode raised.
        """
        found: list[WindowTranscript] = []
        for segment in self._segments:
            said = segment.work.result.result() if segment.work is not None else None
            if said is not None:
                found.append(said.later(segment.start_ms))
        return found


def cut_position(pcm: NDArray[np.int16]) -> int:
    """A sample in the second half at which to cut: the middle of its quietest 300 ms.

    In a longer pause, its end: the rest then begins with speech.
    """
    levels = frame_levels(pcm)
    half = levels.size // 2
    smooth = np.convolve(levels[half:], np.ones(PAUSE_FRAMES) / PAUSE_FRAMES, "valid")
    quiet = np.flatnonzero(smooth <= QUIET_RATIO * smooth.min() + 1)
    return (half + int(quiet[-1]) + PAUSE_FRAMES // 2) * ASR_FRAME


def joined_words(transcripts: list[WindowTranscript]) -> list[TimedWord]:
    return [word for said in transcripts for word in said.words]


def mean_confidence(transcripts: list[WindowTranscript]) -> float:
    """Weighted by words, 0 to 1; 0 without a word."""
    total = sum(len(said.words) for said in transcripts)
    weighted = sum(said.confidence * len(said.words) for said in transcripts)
    return min(1.0, max(0.0, weighted / total)) if total else 0.0
