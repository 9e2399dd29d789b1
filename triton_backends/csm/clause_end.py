"""When a clause is over: the model's own end is not to be relied upon."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.csm.network import SAMPLE_RATE

SILENT = 0.003
"""Amplitude below which there is no sound, -50 dBFS."""
SILENCE_S = 1.2
"""So much of it after a sound ends a clause: the longest pause within one is shorter."""
LEAST_S, PER_CHARACTER_S = 2.0, 0.16
"""The longest that a text can take: slow speech has eight characters in a second."""


def most_frames(text: str, frame_samples: int) -> int:
    """The most frames that a text is given."""
    seconds = LEAST_S + PER_CHARACTER_S * len(text)
    return int(seconds * SAMPLE_RATE / frame_samples)


class Silence:
    """Follows the audio of one clause."""

    def __init__(self, seconds: float = SILENCE_S) -> None:
        self._longest = round(seconds * SAMPLE_RATE)
        self._since: int | None = None
        """Samples since the last sound; None before the first."""

    def ended(self, pcm: NDArray[np.float32]) -> bool:
        """Takes the next audio; whether the clause is over."""
        loud = np.flatnonzero(np.abs(pcm) > SILENT)
        if loud.size:
            self._since = pcm.size - int(loud[-1]) - 1
        elif self._since is not None:
            self._since += pcm.size
        return self._since is not None and self._since >= self._longest
