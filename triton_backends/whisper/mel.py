"""Log-mel features, the same as openai-whisper computes (whisper/audio.py) but in numpy."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.mel import N_FFT, RATE, slaney_filters

HOP = 160
FRAMES_PER_SECOND = RATE // HOP
DYNAMIC_RANGE = 8.0  # decades of power below the loudest value
FLOOR = 1e-10


class LogMel:
    """Features of `mels` bands, 80 or 128, as released Whisper models take them."""

    def __init__(self, mels: int) -> None:
        self.mels = mels
        self._filters = slaney_filters(mels).astype(np.float32)
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
