"""Log-mel features of any frames of an utterance, from its samples alone.

Own code, because a FLUSH computes frames of padded audio and then goes on without the padding: the
online extractors of kaldi-native-fbank keep a state that cannot be copied. Frames are 25 ms every
10 ms at 16 kHz. The numbers are those of kaldi-native-fbank (`kaldi`, `librosa`) and of NeMo's
FilterbankFeatures (`nemo`; nemo/collections/asr/parts/preprocessing/features.py).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.mel import RATE, kaldi_filters, slaney_filters
from triton_backends.transducer.audio import Audio

Kind = Literal["kaldi", "librosa", "nemo"]
"""`kaldi`: what icefall's models are trained with. `nemo`: what NeMo's are trained with.

`librosa`: what sherpa-onnx gives to NeMo's models, close to `nemo` and not equal.
"""

SHIFT = 160
LENGTH = 400
N_FFT = 512
PREEMPHASIS = 0.97
LOW_HZ, HIGH_HZ = 20.0, 7600.0
"""Of Kaldi's filters as icefall sets them."""
KALDI_LEAST = float(np.finfo(np.float32).eps)
NEMO_GUARD = 2.0**-24

FRAMES_PER_SECOND = RATE // SHIFT
FRAME_MS = 1000 // FRAMES_PER_SECOND


@dataclass(frozen=True)
class _Recipe:
    """`before` is where frame t begins: 160 t - before."""

    before: int
    window: NDArray[np.float64]
    filters: NDArray[np.float64]
    """[mels, 257]"""


class Features:
    """Computes features of `mels` bands; stateless, so shared by all utterances and threads."""

    def __init__(self, kind: Kind, mels: int) -> None:
        self.kind = kind
        self.mels = mels
        self._recipe = _recipe(kind, mels)

    def ready(self, samples: int) -> int:
        """How many frames so many samples are enough for."""
        return max((samples - (LENGTH - self._recipe.before)) // SHIFT + 1, 0)

    def first_sample(self, frame: int) -> int:
        """The first sample that this frame and those after it need."""
        return max(frame * SHIFT - self._recipe.before - 1, 0)

    def __call__(self, audio: Audio, first: int, count: int) -> NDArray[np.float32]:
        """Frames `first` to `first + count`: float32, shape [count, mels].

        Frames before the first are zero; audio that is not there is silence.
        """
        missing = min(max(-first, 0), count)
        found = np.zeros((count, self.mels), np.float32)
        if missing < count:
            found[missing:] = self._compute(audio, first + missing, count - missing)
        return found

    def _compute(self, audio: Audio, first: int, count: int) -> NDArray[np.float32]:
        begin = first * SHIFT - self._recipe.before
        end = begin + (count - 1) * SHIFT + LENGTH
        wave = audio.piece(begin - 1, end).astype(np.float64) / 32768
        if self.kind == "nemo":
            wave = wave[1:] - PREEMPHASIS * wave[:-1]
            frames = _frames(wave, count)
        else:
            frames = _framed_like_kaldi(_mirrored(wave[1:], audio, begin), count, self.kind)
        spectrum = np.fft.rfft(frames * self._recipe.window, N_FFT, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        mel = power @ self._recipe.filters.T
        raised = mel + NEMO_GUARD if self.kind == "nemo" else np.maximum(mel, KALDI_LEAST)
        return np.log(raised).astype(np.float32)


def _frames(wave: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(wave, LENGTH)[::SHIFT][:count]


def _mirrored(wave: NDArray[np.float64], audio: Audio, begin: int) -> NDArray[np.float64]:
    """Kaldi mirrors the audio at its beginning (`snip_edges` false)."""
    if begin < 0:
        wave[:-begin] = audio.piece(0, -begin)[::-1] / 32768
    return wave


def _framed_like_kaldi(wave: NDArray[np.float64], count: int, kind: Kind) -> NDArray[np.float64]:
    frames = _frames(wave, count).copy()
    if kind == "kaldi":
        frames -= frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    return frames - PREEMPHASIS * before


def _recipe(kind: Kind, mels: int) -> _Recipe:
    turns = 2 * np.pi * np.arange(LENGTH)
    periodic, symmetric = (0.5 - 0.5 * np.cos(turns / steps) for steps in (LENGTH, LENGTH - 1))
    if kind == "kaldi":
        return _Recipe(
            LENGTH // 2 - SHIFT // 2, symmetric**0.85, kaldi_filters(mels, LOW_HZ, HIGH_HZ, N_FFT)
        )
    if kind == "librosa":
        return _Recipe(LENGTH // 2 - SHIFT // 2, periodic, slaney_filters(mels, N_FFT))
    return _Recipe(LENGTH // 2, symmetric, slaney_filters(mels, N_FFT))
