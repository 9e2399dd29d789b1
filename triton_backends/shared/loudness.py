"""Loudness by ITU-R BS.1770-4 (mono), the gain for a target loudness, a limiter.

Own code, because it must measure a stream piece by piece: pyloudnorm takes finished recordings, and
would bring scipy's 35 MB into every voice's environment. The tests compare the two.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

TARGET_LUFS = -16.0
MAX_GAIN = 16.0
CEILING = 0.97

HOPS_PER_S = 50
"""Powers are measured over 20 ms each."""
_BLOCK, _STEP = 20, 5
"""Hops in the standard's block of 400 ms, and from one block to the next."""
_OFFSET_DB = 0.691
_ABSOLUTE_GATE, _RELATIVE_GATE = 10 ** ((-70.0 + _OFFSET_DB) / 10), 10**-1.0
"""-70 LUFS as a power, and 10 LU below the mean as a factor of it."""


class PowerMeter:
    """K-weighted power of a stream: float32 mono at `rate` Hz in, mean square of 20 ms hops out."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._rest = np.zeros(0, np.float32)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        """The powers of the hops that these samples complete, float64 [hops]."""
        joined = np.concatenate([self._rest, samples])
        hop = self._rate // HOPS_PER_S
        whole = joined.size // hop * hop
        self._rest = joined[whole:]
        spectra = np.fft.rfft(joined[:whole].reshape(-1, hop).astype(np.float64), axis=1)
        powers: NDArray[np.float64] = np.square(np.abs(spectra)) @ _weights(self._rate)
        return powers


class LoudnessSoFar:
    """Integrated loudness of a stream: the powers of its 20 ms hops in, LUFS out.

    Keeps the blocks that are whole, so that a piece costs no more than its own hops and the gates.
    """

    def __init__(self) -> None:
        self._blocks: NDArray[np.float64] = np.zeros(0)
        self._open: NDArray[np.float64] = np.zeros(0)
        """The hops from the start of the first block that is not whole."""

    def push(self, powers: NDArray[np.float64]) -> None:
        """Counts in the hops that follow."""
        blocks, self._open = _blocks(np.concatenate([self._open, powers]))
        if blocks.size:
            self._blocks = np.concatenate([self._blocks, blocks])

    def with_following(self, powers: NDArray[np.float64]) -> float:
        """Integrated loudness in LUFS if these hops follow; -inf for silence."""
        hops = np.concatenate([self._open, powers])
        blocks = np.concatenate([self._blocks, _blocks(hops)[0]])
        if not blocks.size:
            blocks = np.array([hops.sum() / _BLOCK])
        loud = blocks[blocks > _ABSOLUTE_GATE]
        if loud.size:
            loud = loud[loud > loud.mean() * _RELATIVE_GATE]
        return float(lufs(loud.mean())) if loud.size else -math.inf

    @property
    def lufs(self) -> float:
        """Integrated loudness; -inf for silence."""
        return self.with_following(np.zeros(0))


def integrated_loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Gated loudness in LUFS of mono float samples at `rate` Hz; -inf for silence."""
    return LoudnessSoFar().with_following(PowerMeter(rate).push(samples))


def _blocks(
    hops: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean powers of the whole blocks, and the hops from the start of the next one."""
    sums = np.concatenate([[0.0], np.cumsum(hops)])
    blocks = (sums[_BLOCK:] - sums[:-_BLOCK])[::_STEP] / _BLOCK
    return blocks, hops[blocks.size * _STEP :]


def lufs(powers: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
    """Ungated loudness of a K-weighted mean square."""
    decibels = 10 * np.log10(np.maximum(powers, 1e-20))
    return np.asarray(decibels - _OFFSET_DB, dtype=np.float64)


def power(loudness: float) -> float:
    """The K-weighted mean square of an ungated loudness in LUFS."""
    return float(10 ** ((loudness + _OFFSET_DB) / 10))


def gain_for(samples: NDArray[np.float32], rate: int) -> float:
    """The factor that brings these samples to -16 LUFS, at most 24 dB up; 1.0 for silence."""
    loudness = integrated_loudness(samples, rate)
    if not math.isfinite(loudness):
        return 1.0
    return float(min(10 ** ((TARGET_LUFS - loudness) / 20), MAX_GAIN))


def limit(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """A memoryless soft limiter: linear up to 0.7, above it a tanh curve that stays below 0.97."""
    knee = np.float32(0.7)
    room = np.float32(CEILING - 0.7)
    magnitude = np.abs(samples)
    if magnitude.size == 0 or float(magnitude.max()) <= float(knee):
        return samples
    bent = knee + room * np.tanh((magnitude - knee) / room)
    limited: NDArray[np.float32] = np.where(magnitude > knee, np.copysign(bent, samples), samples)
    return limited


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Float in -1 to 1 to int16, rounded."""
    scaled: NDArray[np.int16] = np.rint(samples * np.float32(32767.0)).astype(np.int16)
    return scaled


@lru_cache(maxsize=8)
def _weights(rate: int) -> NDArray[np.float64]:
    """What each bin of a hop's spectrum adds to its K-weighted mean square.

    The K weighting is that of the analogue prototypes of the standard's two filter stages, which
    holds for every rate.
    """
    hop = rate // HOPS_PER_S
    s = 2j * np.pi * np.fft.rfftfreq(hop, 1 / rate)
    shelf_w, shelf_q, shelf_gain = 2 * np.pi * 1681.974450955533, 0.7071752369554196, 3.99984385397
    high = 10 ** (shelf_gain / 20)
    middle = high**0.4996667741545416
    x = s / shelf_w
    shelf = (high * x**2 + middle * x / shelf_q + 1) / (x**2 + x / shelf_q + 1)
    pass_w, pass_q = 2 * np.pi * 38.13547087602444, 0.5003270373238773
    y = s / pass_w
    high_pass = y**2 / (y**2 + y / pass_q + 1)
    weights: NDArray[np.float64] = np.square(np.abs(shelf * high_pass)) * 2 / hop**2
    if hop % 2 == 0:
        weights[-1] /= 2  # the bin at half the rate has no mirror; that at 0 Hz weighs nothing
    return weights
