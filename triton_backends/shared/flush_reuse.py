"""Reuse of a FLUSH: its answer is the final transcript when only quiet came between it and END.

The speaker paused, the frontend asked for a speculative transcript (FLUSH), and nothing more was
said: decoding the silence again costs time, can only add errors, and the listener may have acted on
the first answer. A family of recognisers uses one FlushReuse per utterance:

- `accept` gives it every piece of audio (`hear`);
- `flush` keeps its answer (`keep`) before anything else is accepted; where decoding costs much, a
  second FLUSH may be answered with `answer()`;
- `finish` returns `final()` where it is not None, and decodes otherwise;
- one that decodes while requests wait asks `is_speech` of audio behind a FLUSH under way: speech
  makes that decode useless, quiet does not;
- one that drops audio already answered for calls `forget`.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.levels import loudest

QUIET_RATIO = 0.1
"""A frame is quiet when its RMS is below this part of that of the utterance's loudest frame."""
QUIET_RMS = 100.0
"""It is quiet below this RMS (int16, -50 dBFS) in every case."""
MAX_QUIET_MS = 600
"""After more audio than this, quiet or not, it is decoded again."""


class FlushReuse:
    """The levels of one utterance and the last answer to a FLUSH; used by one thread at a time.

    `is_speech` alone may be called by another thread meanwhile.
    """

    def __init__(self) -> None:
        self._samples = 0
        self._loudest = 0.0
        self._loudest_since = 0.0
        self._kept: Hypothesis | None = None
        self._kept_at = 0

    def hear(self, pcm: NDArray[np.int16]) -> None:
        """Take note of accepted audio, int16 mono at 16 kHz."""
        level = loudest(pcm)
        self._samples += pcm.size
        self._loudest = max(self._loudest, level)
        self._loudest_since = max(self._loudest_since, level)

    def keep(self, hypothesis: Hypothesis) -> None:
        """The answer to a FLUSH, which covers all audio heard so far."""
        self._kept, self._kept_at = hypothesis, self._samples
        self._loudest_since = 0.0

    def forget(self) -> None:
        """What was kept no longer describes the audio."""
        self._kept = None

    def answer(self) -> Hypothesis | None:
        """The answer to the last FLUSH, if only quiet followed it."""
        if self._kept is None:
            return None
        since_ms = (self._samples - self._kept_at) * 1000 // ASR_RATE
        quiet = since_ms <= MAX_QUIET_MS and self._loudest_since < self.quiet_limit
        return self._kept if quiet else None

    def final(self) -> Hypothesis | None:
        """The same as a final transcript: all of it is stable."""
        kept = self.answer()
        return None if kept is None else replace(kept, stable=len(kept.text))

    def is_speech(self, pcm: NDArray[np.int16]) -> bool:
        """Whether this audio, not heard yet, is more than quiet."""
        return bool(pcm.size) and loudest(pcm) >= self.quiet_limit

    @property
    def quiet_limit(self) -> float:
        """RMS (int16) below which a frame is quiet, by what was heard so far."""
        return max(QUIET_RATIO * self._loudest, QUIET_RMS)
