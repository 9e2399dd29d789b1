"""Which symbols of a sentence are computed together, and how their audio is joined.

The first window is short, so that sound starts early; each later one is about twice as long,
because while one plays the next is computed. Windows end between words. The network knows the
whole sentence, so that melody and lengths are those of the sentence; it computes some frames on
both sides of a window besides, and two windows are cross-faded where their waves fit best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triton_backends.kokoro.network import FRAME, Array, Frames

BEFORE, AFTER = 4, 3
"""Frames computed on each side of a window."""
EDGE_FRAMES = 2
END_FRAMES = 12
"""The longest silence at the end, 300 ms; the network gives up to 700."""
FADE = 480
SEARCH = 150
"""Samples: the overlap that is cross-faded, 20 ms, and how far a better fit is looked for."""


def trimmed(durations: Frames, closing: int) -> Frames:
    """The durations with little silence at both ends; the last `closing` tokens are punctuation."""
    kept = durations.copy()
    kept[0] = min(kept[0], EDGE_FRAMES)
    left = END_FRAMES
    for index in range(len(kept) - closing - 1, len(kept)):
        kept[index] = min(kept[index], left)
        left -= kept[index]
    return kept


def plan(durations: Frames, ends: NDArray[np.bool_], first: int, largest: int) -> list[int]:
    """Where windows end, as indexes of tokens; `ends` says after which tokens one may.

    `first` and `largest` are frames. A rest of less than half a window is joined to the last.
    """
    reach = np.cumsum(durations)
    total = int(reach[-1])
    cuts: list[int] = []
    at, size = 0, first
    while total - at > size * 3 // 2:
        end = _nearest(reach, ends, at, size)
        if end >= len(durations) or total - int(reach[end - 1]) < size // 2:
            break
        cuts.append(end)
        at = int(reach[end - 1])
        size = min(size * 2, largest)
    return [*cuts, len(durations)]


def _nearest(reach: Frames, ends: NDArray[np.bool_], at: int, size: int) -> int:
    """The end of a word nearest to where a window has its size; a token where none is near."""
    near = np.flatnonzero(ends & (reach > at + size // 2) & (reach <= at + 2 * size))
    if near.size:
        return int(near[np.argmin(np.abs(reach[near] - at - size))]) + 1
    return int(np.searchsorted(reach, at + size)) + 1


@dataclass(frozen=True, slots=True)
class Window:
    """`frames` has what each token is given; `before` and `after` of them are not the window's.

    `start` is the first frame, in those of the sentence.
    """

    frames: Frames
    start: int
    before: int
    after: int


def window(durations: Frames, start: int, end: int) -> Window:
    """The tokens from `start` to `end`, with the frames around them."""
    frames = np.zeros_like(durations)
    frames[start:end] = durations[start:end]
    before, after = BEFORE, AFTER
    for index in range(start - 1, -1, -1):
        frames[index] = min(durations[index], before)
        before -= int(frames[index])
    for index in range(end, len(durations)):
        frames[index] = min(durations[index], after)
        after -= int(frames[index])
    outside = int(durations[:start].sum()) - (BEFORE - before)
    return Window(frames, outside, BEFORE - before, AFTER - after)


class Joiner:
    """Joins the audio of windows that follow each other."""

    def __init__(self) -> None:
        self._overlap: Array = np.zeros(0, np.float32)

    def add(self, pcm: Array, part: Window) -> Array:
        """The window's own audio; what overlaps with the next one is kept for that."""
        start, end = part.before * FRAME, pcm.size - part.after * FRAME
        own = pcm[start:end]
        if self._overlap.size and own.size > FADE:
            start = self._best(pcm, start)
            own = pcm[start:end].copy()
            rising = np.linspace(0, 1, FADE, dtype=np.float32)
            own[:FADE] = own[:FADE] * rising + self._overlap * (1 - rising)
        self._overlap = pcm[end : end + FADE]
        if self._overlap.size < FADE:
            self._overlap = np.zeros(0, np.float32)
        return own

    def _best(self, pcm: Array, start: int) -> int:
        """Where the audio is most like the overlap, near `start`: the phases of two windows differ.

        The normalised cross-correlation, as in WSOLA (Verhelst and Roelands, 1993).
        """
        low = max(start - SEARCH, 0)
        near = pcm[low : start + SEARCH + FADE]
        if near.size < FADE:
            return start
        likeness = np.correlate(near, self._overlap, "valid")
        power = np.convolve(near**2, np.ones(FADE, np.float32), "valid")
        if not power.max() > 0:
            return start
        return low + int(np.argmax(likeness / np.sqrt(power + 1e-9)))
