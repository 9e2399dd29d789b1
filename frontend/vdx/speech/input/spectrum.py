"""The short-time spectrum that the voice check and the echo guard share."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.events import Pcm

Floats = NDArray[np.float32]

WINDOW: Final = 2 * LISTEN_FRAME
"""40 ms: two and a half periods of the deepest voice."""
SIZE: Final = 1024
"""FFT length: zero-padded, so that the autocorrelation does not wrap."""
BANDS: Final = 16
BAND_HZ: Final = (150.0, 7000.0)

_HANN: Final[Floats] = np.hanning(WINDOW).astype(np.float32)


class Spectrum:
    """Power spectrum of the last 40 ms of a 16 kHz signal, one 20 ms frame at a time.

    `power` costs a transform, so it is only computed when it is called.
    """

    def __init__(self) -> None:
        self._recent = np.zeros(WINDOW, np.float32)

    def push(self, pcm: Pcm) -> None:
        """Takes the next frame, int16 [320]."""
        self._recent[:-LISTEN_FRAME] = self._recent[LISTEN_FRAME:]
        self._recent[-LISTEN_FRAME:] = pcm

    def power(self) -> Floats:
        """float32 [SIZE // 2 + 1], in int16 units squared."""
        found = np.fft.rfft(self._recent * _HANN, SIZE)
        power: Floats = (found.real**2 + found.imag**2).astype(np.float32)
        return power


def window_correlation(lags: int) -> Floats:
    """Autocorrelation of the window itself at the first `lags` lags, 1 at lag 0."""
    found = np.fft.irfft(np.abs(np.fft.rfft(_HANN, SIZE)) ** 2)[:lags]
    return np.asarray(found / found[0], dtype=np.float32)


def mel_bands() -> Floats:
    """float32 [BANDS, bins]: times a power spectrum, the mean square of each band.

    Bands are equally wide on the mel scale (O'Shaughnessy, Speech Communication, 1987).
    """
    low, high = (2595 * np.log10(1 + hz / 700) for hz in BAND_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 1) / 2595) - 1)
    hz = np.fft.rfftfreq(SIZE, 1 / LISTEN_RATE)
    inside = (hz >= edges[:-1, None]) & (hz < edges[1:, None])
    return np.asarray(inside / (np.sum(_HANN**2) * SIZE / 2), dtype=np.float32)
