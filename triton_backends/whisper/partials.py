"""When partial transcripts are made, and which of their words count as stable."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

from triton_backends.shared.contract import ASR_RATE
from triton_backends.whisper.windows import TimedWord

LONGEST_S = 0.4
"""A partial that takes longer would often still be computed when the speaker pauses."""
RETRY_S = 30.0
"""Partials that took longer are tried again after this time."""
MAX_LOAD = 0.3
"""The part of the time that partials of one utterance may take."""
UNSETTLED_MS = 600
"""Words that end so close to the end of a partial's audio may still change."""

Clock = Callable[[], float]


class PartialCosts:
    """Whether this machine is fast enough for partials with this model; shared by utterances."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._last_s = 0.0
        self._tried_at = 0.0

    def affordable(self) -> bool:
        """Whether to make a partial now; a machine that was too slow is tried again later."""
        now = self._clock()
        if self._last_s > LONGEST_S and now - self._tried_at < RETRY_S:
            return False
        self._tried_at = now
        return True

    def add(self, seconds: float) -> None:
        """A partial took so long to compute."""
        self._last_s = seconds


class PartialPacing:
    """When the next partial of one utterance is due.

    The first comes after `first_ms` of audio, so that who speaks soon sees that they are heard. At
    least `interval_ms` of new audio lie between two (0: there are none), more where they take long,
    and half of that in time: audio that is sent faster than it was spoken needs no partials.
    """

    def __init__(
        self, interval_ms: int, first_ms: int | None = None, clock: Clock = time.monotonic
    ) -> None:
        self._clock = clock
        self._least = interval_ms * ASR_RATE // 1000
        first = interval_ms if first_ms is None else min(first_ms, interval_ms)
        self._gap = first * ASR_RATE // 1000
        self._wait_s = first / 2000
        self._asked_at = clock()
        self._samples = 0

    def due(self, samples: int) -> bool:
        """Whether so much audio, in samples, asks for a partial now."""
        if not self._least or self._clock() - self._asked_at < self._wait_s:
            return False
        return samples - self._samples >= self._gap

    def asked(self, samples: int) -> None:
        """It was asked for, or left out, at so much audio."""
        self._samples, self._asked_at = samples, self._clock()
        self._gap = max(self._gap, self._least)
        self._wait_s = self._least / ASR_RATE / 2

    def took(self, seconds: float) -> None:
        """The last one took so long to compute."""
        self._gap = max(self._least, int(seconds / MAX_LOAD * ASR_RATE))

    def restart(self) -> None:
        """The audio counts from 0 again: its beginning was cut off."""
        self._samples = 0


@dataclass(slots=True)
class AgreedWords:
    """The words at the beginning of an utterance on which two successive partials agreed.

    Local agreement of two (Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech Recognition
    and Translation by Partial Hypothesis Selection"), but for words at the very end of the audio.
    """

    words: tuple[TimedWord, ...] = ()
    last: tuple[TimedWord, ...] = ()

    def add(self, words: tuple[TimedWord, ...], samples: int) -> None:
        """Take the next partial, which covers so many samples."""
        settled_ms = samples * 1000 // ASR_RATE - UNSETTLED_MS
        same = zip(self.words, words, strict=False)
        count = sum(1 for _ in itertools.takewhile(lambda pair: pair[0].text == pair[1].text, same))
        for old, new in zip(self.last[count:], words[count:], strict=False):
            if old.text != new.text or new.end_ms > settled_ms:
                break
            count += 1
        self.words, self.last = words[:count], words

    def cut(self, at_ms: int) -> tuple[TimedWord, ...]:
        """Remove and return the words that end before `at_ms`; the others now count from there."""
        before = tuple(word for word in self.words if word.end_ms <= at_ms)
        self.words = tuple(word.later(-at_ms) for word in self.words[len(before) :])
        self.last = ()
        return before
