"""The voice check: is this sound a voice?

webrtcvad detects speech by the energy of six bands, and takes fans, typing and music for it. Two
properties distinguish a voice:

- It is *periodic*: vocal folds open 70 to 400 times a second. Measured as the highest peak of the
  autocorrelation over these lags, divided by the window's own (Boersma, Proceedings of the
  Institute of Phonetic Sciences 17, 1993). In the recordings three of four speech frames lie above
  0.7; nine of ten of fans, keys, clicks and noise lie below 0.45.
- It *moves*: pitch and formants glide all the time, while a played note stands still and jumps.
  Measured as the likeness (cosine) of two spectra 80 ms apart. Above 0.9 they count as the same;
  a sound that is the same most of the time is no voice.

Consonants without a voice belong to the speech around them; that is the detector's business.
"""

from collections import deque
from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_RATE
from vdx.core.config import VoiceCheckConfig
from vdx.speech.input.spectrum import SIZE, Floats, window_correlation

LOWEST_HZ, HIGHEST_HZ = 70, 400
"""Of the pitch of a voice."""
APART: Final = 4
"""Frames between two spectra that are compared."""
SAME: Final = 0.9
TIMBRE: Final = slice(4, 200)
"""Bins compared, 60 Hz to 3.1 kHz: harmonics and the first formants."""
MEMORY: Final = 0.05
"""Weight of a new frame in the share of same ones: about 400 ms of sound."""

_LAGS: Final = slice(LISTEN_RATE // HIGHEST_HZ, LISTEN_RATE // LOWEST_HZ + 1)
_TINY: Final = 1e-6


class VoiceActivityCheck:
    """Judges the 40 ms spectrum of every frame that webrtcvad takes for speech."""

    def __init__(self, config: VoiceCheckConfig) -> None:
        self.config = config
        self._window = 1.0 / window_correlation(_LAGS.stop)[_LAGS]
        self._spectra: deque[Floats] = deque(maxlen=APART + 1)
        self._same = 0.0

    def judge(self, power: Floats) -> bool:
        """Whether the sound is periodic; keeps note of how steady it is."""
        shape = np.sqrt(power[TIMBRE])
        shape /= np.sqrt(np.dot(shape, shape)) + _TINY
        self._spectra.append(shape)
        same = len(self._spectra) > APART and float(np.dot(shape, self._spectra[0])) > SAME
        self._same += MEMORY * (same - self._same)
        return periodicity(power, self._window) >= self.config.min_periodicity

    @property
    def glides(self) -> bool:
        """Whether its spectrum changes as that of speech does."""
        return self._same <= self.config.max_steadiness


def periodicity(power: Floats, window: Floats) -> float:
    """0 to about 1; `window` is one over the window's autocorrelation at the lags of a pitch."""
    correlation = np.fft.irfft(power, SIZE)[: _LAGS.stop]
    return float((correlation[_LAGS] * window).max() / (correlation[0] + _TINY))
