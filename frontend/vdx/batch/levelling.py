"""Brings quiet recordings to the level at which speech is looked for."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_RATE
from vdx.core.channels import frame_levels, loud_level
from vdx.core.events import Pcm

Samples = NDArray[np.float32]

TARGET: Final = 2_000 / 32_768
"""RMS of loud syllables, of a full scale of 1; louder speech stays as it is."""
LARGEST_GAIN: Final = 1_000.0
DYNAMIC: Final = 3.0
"""Loud frames over quiet ones, in amplitude, from which a block may hold speech: even noise is not
made louder."""
SHORT: Final = LISTEN_RATE
"""A block of fewer samples may be all vowel, which is even too."""
FALL: Final = 0.7
"""What the level of a block at least is of that before: a pause is not made loud at once."""
RAMP: Final = LISTEN_RATE // 10


class Leveller:
    """The gain of one channel, block of seconds by block; it is known before a block is heard."""

    def __init__(self) -> None:
        self._level = 0.0
        self._gain = 0.0

    def push(self, block: Samples) -> Pcm:
        """float32 [samples] of a full scale of 1 as int16; empty for an empty block."""
        if not block.size:
            return np.zeros(0, np.int16)
        before, after = self._gain, self._gain_for(block)
        gains = np.full(block.size, after, np.float32)
        if before:
            ramp = min(RAMP, block.size)
            gains[:ramp] = np.linspace(before, after, ramp, dtype=np.float32)
        self._gain = after
        return (block * gains * 32767).clip(-32768, 32767).astype(np.int16)

    def _gain_for(self, block: Samples) -> float:
        levels = frame_levels(block[:, None])[:, 0]
        loud, quiet = loud_level(levels), float(np.percentile(levels, 10))
        if loud >= DYNAMIC * quiet or block.size < SHORT:
            self._level = max(loud, FALL * self._level)
        if not self._level:
            return 1.0
        return float(np.clip(TARGET / self._level, 1.0, LARGEST_GAIN))
