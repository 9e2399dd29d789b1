"""Mel filters: Slaney's, as Whisper and NeMo use them, and Kaldi's."""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
N_FFT = 400

_LINEAR_HZ = 200.0 / 3  # per mel
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def slaney_filters(mels: int, n_fft: int = N_FFT) -> NDArray[np.float64]:
    """Triangular filters [mels, n_fft // 2 + 1] on Slaney's mel scale, each of equal area.

    The ones of librosa.filters.mel(sr=16000, n_fft=n_fft), after Slaney's Auditory Toolbox (1998):
    linear below 1 kHz, logarithmic above.
    """
    frequencies = np.linspace(0, RATE / 2, n_fft // 2 + 1)
    top = _to_mel(np.array([RATE / 2]))[0]
    edges = _to_hertz(np.linspace(0.0, top, mels + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - frequencies[None, :]
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return triangles


def kaldi_filters(mels: int, low_hz: float, high_hz: float, n_fft: int) -> NDArray[np.float64]:
    """Triangles [mels, n_fft // 2 + 1] on the mel scale 1127 ln(1 + f / 700).

    As in kaldi/src/feat/mel-computations.cc.
    """
    low, high = (1127 * np.log(1 + hertz / 700) for hertz in (low_hz, high_hz))
    step = (high - low) / (mels + 1)
    left = low + step * np.arange(mels)[:, None]
    bins = 1127 * np.log(1 + np.arange(n_fft // 2 + 1) * RATE / n_fft / 700)[None, :]
    rising, falling = (bins - left) / step, (left + 2 * step - bins) / step
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling))
    return triangles


def _to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_MEL + np.log(np.maximum(hertz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hertz >= _BREAK_HZ, above, hertz / _LINEAR_HZ)


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel >= _BREAK_MEL, above, mel * _LINEAR_HZ)
