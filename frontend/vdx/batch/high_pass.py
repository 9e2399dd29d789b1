"""Removes what is below speech: the hum of mains and an offset of all samples.

A linear-phase FIR filter, whose output keeps the positions of its input. Own code: soxr has no
high-pass, SciPy would be a library for this alone, and a filter graph of FFmpeg takes frames of its
own.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_RATE

Samples = NDArray[np.float32]

CUTOFF_HZ: Final = 95
TAPS: Final = 701
KAISER_BETA: Final = 4.5
"""From 60 Hz down at least 45 dB less, from 130 Hz up unchanged (Kaiser's formula)."""
REACH: Final = TAPS // 2


class HighPass:
    """float32 [samples, channels] at 16 kHz, piece by piece."""

    def __init__(self) -> None:
        self._kept = np.zeros((0, 0), np.float32)

    def push(self, piece: Samples, *, last: bool = False) -> Samples:
        """The filtered samples that are complete now: `REACH` fewer than came, until the `last`.

        At both ends the sound goes on mirrored, so that an offset does not begin with a step.
        """
        if not self._kept.size:
            self._kept = _mirrored(piece)[::-1]
        whole = np.concatenate([self._kept, piece])
        if last:
            whole = np.concatenate([whole, _mirrored(whole[::-1])])
        self._kept = whole[max(0, len(whole) - 2 * REACH) :]
        return _filtered(whole)


def _mirrored(piece: Samples) -> Samples:
    """The `REACH` samples after the first one, or as many times all as that takes."""
    if len(piece) > REACH:
        return piece[1 : REACH + 1]
    return np.pad(piece, ((0, REACH), (0, 0)), "reflect" if len(piece) > 1 else "edge")[
        1 : REACH + 1
    ]


def _filtered(whole: Samples) -> Samples:
    count = len(whole) - 2 * REACH
    if count <= 0:
        return whole[:0]
    size = 1 << (len(whole) + TAPS).bit_length()
    spectrum = np.fft.rfft(whole, size, axis=0) * np.fft.rfft(_taps(), size)[:, None]
    sound = np.fft.irfft(spectrum, size, axis=0)[2 * REACH : 2 * REACH + count]
    return sound.astype(np.float32)


@cache
def _taps() -> NDArray[np.float64]:
    grid = np.arange(TAPS) - REACH
    low = np.sinc(2 * CUTOFF_HZ / LISTEN_RATE * grid) * np.kaiser(TAPS, KAISER_BETA)
    taps: NDArray[np.float64] = -low / low.sum()
    taps[REACH] += 1.0
    return taps
