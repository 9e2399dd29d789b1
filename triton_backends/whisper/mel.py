"""Log-mel features, the same as openai-whisper computes (whisper/audio.py) but in numpy."""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
N_FFT = 400
HOP = 160
FRAMES_PER_SECOND = RATE // HOP
DYNAMIC_RANGE = 8.0  # decades of power below the loudest value
FLOOR = 1e-10


class LogMel:
    """Features of `mels` bands, 80 or 128, as released Whisper models take them."""

    def __init__(self, mels: int) -> None:
        self.mels = mels
        self._filters = slaney_filters(mels)
        # Periodic Hann: the window torch.hann_window gives.
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)

    def __call__(self, audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """[mels, frames] float32 of 16 kHz mono audio in -1 to 1, cut or padded to `frames`.

        A frame is 10 ms. As in the reference, values are relative to the loudest one of this call.
        """
        samples = frames * HOP
        padded = np.zeros(samples, np.float32)
        padded[: min(samples, audio.size)] = audio[:samples]
        padded = np.pad(padded, N_FFT // 2, mode="reflect")
        views = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:frames]
        spectrum = np.fft.rfft(views * self._window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        bands = self._filters @ power.T.astype(np.float32)
        logarithms = np.log10(np.maximum(bands, FLOOR))
        logarithms = np.maximum(logarithms, logarithms.max() - DYNAMIC_RANGE)
        return np.ascontiguousarray((logarithms + 4.0) / 4.0, dtype=np.float32)


def slaney_filters(mels: int) -> NDArray[np.float32]:
    """Triangular filters [mels, 201] on Slaney's mel scale, each of equal area.

    The ones of librosa.filters.mel(sr=16000, n_fft=400), after Slaney's Auditory Toolbox (1998):
    linear below 1 kHz, logarithmic above.
    """
    frequencies = np.linspace(0, RATE / 2, N_FFT // 2 + 1)
    top = _to_mel(np.array([RATE / 2]))[0]
    edges = _to_hertz(np.linspace(0.0, top, mels + 2))
    widths = np.diff(edges)
    ramps = edges[:, None] - frequencies[None, :]
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return triangles.astype(np.float32)


_LINEAR_HZ = 200.0 / 3  # per mel
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0


def _to_mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_MEL + np.log(np.maximum(hertz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hertz >= _BREAK_HZ, above, hertz / _LINEAR_HZ)


def _to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel >= _BREAK_MEL, above, mel * _LINEAR_HZ)
