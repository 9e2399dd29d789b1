"""Silences in a channel what is only heard through from another one.

On the sides of a telephone call, or from microphones in one room, each person is heard faintly in
the other's channel. While the channel's own person is silent, that would be transcribed twice. A
window of a channel is heard through when it is quieter than the same window of another channel and
has its wave, at the delay and polarity that most windows of the two have in common (the peak of
their mean normalised cross-correlation). Where both speak at once nothing is changed, if who
belongs to the channel is 5 dB louder in it than who is heard through.
"""

from collections.abc import Sequence
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_RATE
from vdx.core.frame_converter import Samples

HOP: Final = LISTEN_RATE // 10
WINDOW: Final = 3 * HOP
FFT: Final = 2**13
MAX_DELAY: Final = LISTEN_RATE * 30 // 1000
"""Of sound through a room of ten metres."""
BESIDE_DELAY: Final = LISTEN_RATE * 2 // 1000
"""A room and a line smear the wave by so much."""
QUIETER: Final = 0.5
"""In amplitude: of two sides that hear somebody alike, neither may be silenced."""
SAME_WAVE: Final = 0.6
"""Two people who speak at once stay below 0.3 at any one delay; where one is heard through as loud
as the other one speaks, 0.7 is reached. Through a room whose echo is as loud as the way without it,
more than this is left of the wave."""
RAMP: Final = LISTEN_RATE // 100


def without_crosstalk(block: Samples, channels: Sequence[int]) -> Samples:
    """float32 [samples, channels] with what is heard through in one of `channels` set to 0."""
    if len(channels) < 2 or not len(block):
        return block
    spectra, levels = {}, {}
    for channel in channels:
        windows = _windows(block[:, channel])
        spectra[channel] = np.fft.rfft(windows, FFT)
        levels[channel] = np.sqrt(np.square(windows).sum(axis=1))
    heard = block.copy()
    for one, other in permutations(channels, 2):
        quieter = (levels[one] > 0) & (levels[one] < QUIETER * levels[other])
        if not quieter.any():
            continue
        cross = spectra[one][quieter] * spectra[other][quieter].conj()
        norm = levels[one][quieter] * levels[other][quieter]
        through = np.zeros(len(quieter), bool)
        through[quieter] = _alike(cross, norm) > SAME_WAVE
        beside = np.convolve(np.pad(through, 1), np.ones(3), "valid") > 0
        heard[:, one] *= _gains(beside & quieter, len(block))
    return heard


def _windows(sound: Samples) -> Samples:
    """[hops, WINDOW]: around each hop, the one before and the one behind it."""
    hops = -(-sound.size // HOP)
    padded = np.pad(sound, (HOP, (hops + 1) * HOP - sound.size))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]


def _alike(cross: NDArray[np.complexfloating], norm: Samples) -> Samples:
    """How much each window is like the other one at the delay that they have in common, 0 to 1."""
    waves = np.fft.irfft(cross, FFT) / norm[:, None]
    waves = np.concatenate([waves[:, -MAX_DELAY:], waves[:, : MAX_DELAY + 1]], axis=1)
    delay = int(np.abs(waves.mean(axis=0)).argmax())
    near = waves[:, max(0, delay - BESIDE_DELAY) : delay + BESIDE_DELAY + 1]
    alike: Samples = np.abs(near).max(axis=1)
    return alike


def _gains(silent: NDArray[np.bool_], size: int) -> Samples:
    """1, or 0 where a hop is silent, with short ramps between."""
    gains = np.repeat(1.0 - silent, HOP)[:size]
    smooth = np.convolve(np.pad(gains, RAMP // 2, "edge"), np.ones(RAMP) / RAMP, "valid")
    return smooth[:size].astype(np.float32)
