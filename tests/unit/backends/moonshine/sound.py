"""The sound that the fixtures were made with."""

import numpy as np
from numpy.typing import NDArray

RATE = 16_000


def chirp(seconds: float) -> NDArray[np.int16]:
    """A tone that rises and falls, with pauses, in noise; int16 at 16 kHz."""
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 300 + 1500 * np.square(np.sin(1.3 * time))
    tone = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * (1 + np.sin(9 * time)) / 2
    tone *= np.sin(2 * np.pi * time / 1.3) > -0.6  # pauses
    noise = np.random.default_rng(3).normal(0, 0.02, time.size)
    return ((tone * 0.4 + noise) * 32767).astype(np.int16)
