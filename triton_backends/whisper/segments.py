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
MAX_WAITING_S = 240
"""Audio of one utterance that may wait to be decoded."""


@dataclass(slots=True)
class _Segment:
    """`work` is there until it is decoded: it holds the audio, which is freed then."""

    start_ms: int
    work: WindowWork | None
    said: WindowTranscript | None = None


class Segments:
    """What was cut off the front of one utterance, in order; decoded while more is said."""

    def __init__(self, scheduler: WindowScheduler) -> None:
        self.samples = 0
        """How much was cut off."""
        self._scheduler = scheduler
        self._segments: list[_Segment] = []

    def append(self, samples: int, work: WindowWork | None) -> None:
        """The next `samples` were cut off; `work` is None where no speech is in them.

        Raises Busy when too much waits.
        """
        waiting = sum(each.item.pcm.size for each in self.waiting)
        if waiting > MAX_WAITING_S * ASR_RATE:
            if work is not None:
                self._scheduler.withdraw(work)
            raise Busy(f"more than {MAX_WAITING_S} s of this utterance wait to be recognised")
        self._segments.append(_Segment(self.samples * 1000 // ASR_RATE, work))
        self.samples += samples

    @property
    def waiting(self) -> list[WindowWork]:
        """Those that are not decoded yet."""
        for segment in self._segments:
            _take_result(segment)
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
        for segment in self._segments:
            _take_result(segment)
            if segment.work is not None:
                segment.work.result.result()
        return [segment.said for segment in self._segments if segment.said is not None]


def _take_result(segment: _Segment) -> None:
    """Keep the transcript of a segment that was decoded, and let go of its audio."""
    work = segment.work
    if work is None or not work.result.done() or work.result.cancelled():
        return
    if work.result.exception() is None:
        said = work.result.result()
        segment.said = said.later(segment.start_ms) if said is not None else None
        segment.work = None


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
