"""Cuts a stream of samples into responses of whole 20 ms frames, each larger than the last."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

OUTPUT_RATE = 48_000
FRAME = 960


def growing_sizes(first: int, largest: int) -> Iterator[int]:
    """Frames per response: few in the first so that audio starts early, then doubling.

    Larger responses cost less per second of audio, and while one plays the next is computed.
    """
    size = first
    while True:
        yield size
        size = min(size * 2, largest)


class Framer:
    """Collects int16 mono samples at 48 kHz and returns them as int16 [n, 960] arrays.

    `first` and `largest` are frames (20 ms) per response.
    """

    def __init__(self, first: int = 2, largest: int = 25) -> None:
        self._sizes = growing_sizes(first, largest)
        self._wanted = next(self._sizes)
        self._pieces: list[NDArray[np.int16]] = []
        self._held = 0
        self._given = False

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int16] | None:
        """Take samples; returns a response as soon as it is complete.

        After the first response one sample is kept, so that the last response of a stream
        is one with audio and can carry the FINAL flag.
        """
        if samples.size:
            self._pieces.append(samples)
            self._held += samples.size
        reserve = 1 if self._given else 0
        if self._held < self._wanted * FRAME + reserve:
            return None
        return self._take(max(self._wanted, (self._held - reserve) // FRAME))

    def finish(self) -> NDArray[np.int16] | None:
        """What is left, its last frame padded with zeros; None when nothing is."""
        if not self._held:
            return None
        padding = -self._held % FRAME
        if padding:
            self._pieces.append(np.zeros(padding, np.int16))
            self._held += padding
        return self._take(self._held // FRAME)

    def _take(self, frames: int) -> NDArray[np.int16]:
        joined = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        cut = frames * FRAME
        rest = joined[cut:]
        self._pieces = [rest] if rest.size else []
        self._held = int(rest.size)
        self._wanted = next(self._sizes)
        self._given = True
        return np.ascontiguousarray(joined[:cut]).reshape(frames, FRAME)
