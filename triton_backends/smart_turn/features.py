"""What Smart Turn is given: log-mel features of the last eight seconds, as in its training.

The same numbers as `transformers.WhisperFeatureExtractor(chunk_length=8)` computes with
`do_normalize=True` of audio that is padded with zeros at its beginning (pipecat-ai/smart-turn,
`inference.py`): in float64 from the normalised waveform on. The frames of the padding are all
alike, and one of them is computed for all.
"""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.mel import N_FFT, RATE, slaney_filters

SECONDS = 8
SAMPLES = SECONDS * RATE
HOP = 160
FRAMES = SAMPLES // HOP
MELS = 80
LEAST_VARIANCE = 1e-7
FLOOR = 1e-10
DYNAMIC_RANGE = 8.0  # decades of power below the loudest value

_HALF = N_FFT // 2


class TurnFeatures:
    """Computes features; used by one thread at a time or by several."""

    def __init__(self) -> None:
        self._filters = slaney_filters(MELS)
        self._window = np.hanning(N_FFT + 1)[:-1]

    def __call__(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """[80, 800] float32 of int16 16 kHz mono audio, of which the last 8 s count."""
        heard = pcm[-SAMPLES:]
        padding = SAMPLES - heard.size
        audio = np.zeros(SAMPLES, np.float32)
        audio[padding:] = heard.astype(np.float32) / 32768
        audio = (audio - audio.mean()) / np.sqrt(audio.var() + LEAST_VARIANCE)
        padded = np.pad(audio.astype(np.float64), _HALF, mode="reflect")
        views = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:FRAMES]
        # The last frame that touches nothing but padding stands for those before it.
        same = max(0, (padding - _HALF) // HOP - 1)
        spectrum = np.fft.rfft(views[same:] * self._window, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        logarithms = np.log10(np.maximum(FLOOR, self._filters @ power.T))
        logarithms = np.pad(logarithms, ((0, 0), (same, 0)), mode="edge")
        logarithms = np.maximum(logarithms, logarithms.max() - DYNAMIC_RANGE)
        return np.asarray((logarithms + 4.0) / 4.0, np.float32)
