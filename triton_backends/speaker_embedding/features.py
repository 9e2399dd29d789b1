"""Log-mel features of a piece of speech, as the usual speaker networks were trained with.

Kaldi's filter banks (25 ms every 10 ms, whole frames alone, no dither) over the whole piece, minus
their mean. WeSpeaker computes them with a Hamming window from samples of the int16 range
(wespeaker/cli/speaker.py), 3D-Speaker with Kaldi's own window from samples of -1 to 1
(speakerlab/process/processor.py); the scale only matters for silence, once the mean is gone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.mel import RATE, kaldi_filters

Window = Literal["hamming", "povey"]

SHIFT, LENGTH, N_FFT = 160, 400, 512
PREEMPHASIS = 0.97
LOW_HZ, HIGH_HZ = 20.0, RATE / 2
LEAST = float(np.finfo(np.float32).eps)
SHORTEST = RATE // 2
"""Samples; a shorter piece is repeated up to this length, for some networks need so many frames."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How features are computed: `unit_range`, of samples of -1 to 1, else of the int16 range."""

    mels: int = 80
    window: Window = "povey"
    unit_range: bool = False


class Features:
    """Computes features; stateless, so used by several threads."""

    def __init__(self, recipe: Recipe) -> None:
        self._scale = 1 / 32768 if recipe.unit_range else 1.0
        turns = 2 * np.pi * np.arange(LENGTH) / (LENGTH - 1)
        if recipe.window == "hamming":
            self._window = 0.54 - 0.46 * np.cos(turns)
        else:
            self._window = (0.5 - 0.5 * np.cos(turns)) ** 0.85
        self._filters = kaldi_filters(recipe.mels, LOW_HZ, HIGH_HZ, N_FFT)

    def __call__(self, pcm: NDArray[np.int16]) -> NDArray[np.float32]:
        """[frames, mels] float32 of int16 16 kHz mono audio, of which there is some."""
        wave = np.resize(pcm, max(pcm.size, SHORTEST)).astype(np.float64) * self._scale
        frames = np.lib.stride_tricks.sliding_window_view(wave, LENGTH)[::SHIFT]
        frames = frames - frames.mean(axis=1, keepdims=True)
        before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        spectrum = np.fft.rfft((frames - PREEMPHASIS * before) * self._window, N_FFT, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        logarithms = np.log(np.maximum(power @ self._filters.T, LEAST))
        return np.asarray(logarithms - logarithms.mean(axis=0), np.float32)
