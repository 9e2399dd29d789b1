"""A streaming resampler that returns output for every frame, without blocks.

soxr's streaming mode is the better filter but works in blocks: measured on 20 ms frames, its LQ
setting holds back up to 20 ms (11 on average) between 48, 24 and 16 kHz: nothing for one frame,
then two frames at once. That adds latency to every turn and jitter to every reply. A short
polyphase filter (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983, chapter 3)
delays by half its length, a third of a millisecond, and returns a frame for every frame.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm

TAPS = 32
"""Filter length in samples of the lower rate."""
KAISER_BETA = 7.0
"""About 70 dB of stop-band attenuation."""
PASS_BAND = 0.9
"""Of the lower rate's Nyquist frequency."""
LARGEST_TERM = 12
"""Of the reduced ratio; beyond it (44.1 kHz to 48) filters get long: resample the whole file."""


class Resampler:
    """Mono int16 from `source_hz` to `target_hz` (16, 24 and 48 kHz in any combination).

    Equal rates pass through untouched. Raises InvalidInput for any other ratio.
    """

    def __init__(self, source_hz: int, target_hz: int) -> None:
        divisor = math.gcd(source_hz, target_hz)
        self.source_hz = source_hz
        self.target_hz = target_hz
        self._up = target_hz // divisor
        self._down = source_hz // divisor
        if max(self._up, self._down) > LARGEST_TERM:
            raise InvalidInput(f"cannot stream from {source_hz} to {target_hz} Hz", param="rate")
        self._phases = _phases(self._up, self._down)
        self._taps = self._phases.shape[1]
        self._history = np.zeros(self._taps - 1, dtype=np.float32)
        self._position = 0  # of the next output, on the up-sampled grid, from the end of history

    def push(self, pcm: Pcm, *, last: bool = False) -> Pcm:
        """All output samples that `pcm` completes; `last` also pushes out the filter's delay."""
        if self._up == self._down:
            return pcm
        tail = np.zeros(self._taps // 2 if last else 0, dtype=np.float32)
        signal = np.concatenate([self._history, pcm.astype(np.float32), tail])
        fresh = signal.size - self._history.size
        count = max(0, -(-(fresh * self._up - self._position) // self._down))
        out = np.empty(count, dtype=np.float32)
        if count:
            for first in range(min(self._up, count)):
                at = self._position + first * self._down
                # Filtering at every input sample and dropping most is quicker in NumPy than
                # visiting only those that are wanted.
                filtered = np.convolve(signal, self._phases[at % self._up], "valid")
                part = out[first :: self._up]
                part[:] = filtered[at // self._up :: self._down][: part.size]
        self._position += count * self._down - fresh * self._up
        self._history = signal[signal.size - self._taps + 1 :]
        return np.rint(out).clip(-32768, 32767).astype(np.int16)


@lru_cache
def _phases(up: int, down: int) -> NDArray[np.float32]:
    """float32 [up, taps]: one filter for each position between two input samples."""
    taps = TAPS * max(1, -(-down // up))
    length = taps * up
    # Windowed sinc on the up-sampled grid, cut off below the lower of the two Nyquist rates.
    cutoff = PASS_BAND / max(up, down)
    grid = np.arange(length) - (length - 1) / 2
    prototype = cutoff * np.sinc(cutoff * grid) * np.kaiser(length, KAISER_BETA)
    prototype *= up / prototype.sum()
    return np.ascontiguousarray(prototype.reshape(taps, up).T, dtype=np.float32)
