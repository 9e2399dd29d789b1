"""The audio of one utterance that is still needed, addressed by the number of its samples."""

import numpy as np
from numpy.typing import NDArray


class Audio:
    """16 kHz mono; what lies before `drop_before` is forgotten. Used by one thread at a time."""

    def __init__(self) -> None:
        self._kept = np.zeros(0, np.int16)
        self._first = 0
        """Sample number of the first one kept."""

    @property
    def samples(self) -> int:
        """How many were appended in all."""
        return self._first + self._kept.size

    @property
    def kept(self) -> int:
        """How many of them are still here."""
        return self._kept.size

    def append(self, pcm: NDArray[np.int16]) -> None:
        self._kept = np.concatenate([self._kept, pcm])

    def drop_before(self, sample: int) -> None:
        """Forget the samples before this one."""
        count = min(max(sample - self._first, 0), self._kept.size)
        self._kept = self._kept[count:]
        self._first += count

    def piece(self, begin: int, end: int) -> NDArray[np.int16]:
        """Samples `begin` to `end`, zero where there are none: int16, shape [end - begin]."""
        piece = np.zeros(end - begin, np.int16)
        low, high = max(begin, self._first), min(end, self.samples)
        if low < high:
            piece[low - begin : high - begin] = self._kept[low - self._first : high - self._first]
        return piece
