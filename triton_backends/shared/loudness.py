"""Loudness by ITU-R BS.1770-4 (integrated, mono), the gain for a target loudness, a limiter."""

import math

import numpy as np
from numpy.typing import NDArray

TARGET_LUFS = -16.0
MAX_GAIN = 16.0
CEILING = 0.97

_BLOCK_S, _HOP_S = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0


def integrated_loudness(samples: NDArray[np.float32], rate: int) -> float:
    """Gated loudness in LUFS of mono float samples at `rate` Hz; -inf for silence.

    The K weighting is applied in the frequency domain from the analogue prototypes of the
    standard's two filter stages, which holds for every rate.
    """
    block = int(_BLOCK_S * rate)
    if samples.size < block:
        samples = np.pad(samples, (0, block - samples.size))
    weighted = _k_weight(samples.astype(np.float64), rate)
    starts = range(0, weighted.size - block + 1, int(_HOP_S * rate))
    power = np.array([np.mean(weighted[start : start + block] ** 2) for start in starts])
    loud = power[_lufs(power) > _ABSOLUTE_GATE]
    if loud.size:
        loud = loud[_lufs(loud) > float(_lufs(np.mean(loud))) + _RELATIVE_GATE]
    return float(_lufs(np.mean(loud))) if loud.size else -math.inf


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


def _lufs(power: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-20)), dtype=np.float64)


def _k_weight(samples: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(samples)
    s = 2j * np.pi * np.fft.rfftfreq(samples.size, 1 / rate)
    shelf_w, shelf_q, shelf_gain = 2 * np.pi * 1681.974450955533, 0.7071752369554196, 3.99984385397
    high = 10 ** (shelf_gain / 20)
    middle = high**0.4996667741545416
    x = s / shelf_w
    shelf = (high * x**2 + middle * x / shelf_q + 1) / (x**2 + x / shelf_q + 1)
    pass_w, pass_q = 2 * np.pi * 38.13547087602444, 0.5003270373238773
    y = s / pass_w
    high_pass = y**2 / (y**2 + y / pass_q + 1)
    weighted: NDArray[np.float64] = np.fft.irfft(spectrum * shelf * high_pass, n=samples.size)
    return weighted
