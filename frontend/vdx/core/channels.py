"""Which channels of a recording say something of their own.

A side that is silent is left out. Of sides that carry the same sound, be it inverted, later or
quieter, one is kept. Sides on which different people speak, as those of a telephone call, are
transcribed one by one.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_FRAME

Samples = NDArray[np.float32]

LOUD_FRAMES: Final = 6
"""A sound that lasts no longer than so many frames of 20 ms says nothing of the level of speech."""
SILENT: Final = 1e-5
"""A level, of a full scale of 1, that is silence: -100 dB."""
BESIDE: Final = 10 ** (-50 / 20)
"""What is so much quieter than another channel is crosstalk."""
SAME_WAVE: Final = 0.9
"""Correlation of samples above which two channels are the same, inverted or not."""
SAME_COURSE: Final = 0.8
"""And of their levels, which neither a delay of milliseconds nor another microphone changes."""
ENOUGH_FRAMES: Final = 50
"""Fewer frames' levels may be alike by chance."""


class ChannelChoice:
    """Chooses anew for every block of seconds: a second person may begin to speak late.

    With `every`, each channel that sounds is one of its own, also where two carry the same.
    """

    def __init__(self, *, every: bool = False) -> None:
        self._every = every
        self._before: tuple[int, ...] = ()

    def of(self, block: Samples) -> tuple[int, ...]:
        """The channels of float32 [samples, channels] to transcribe, in ascending order."""
        levels = frame_levels(block)
        loud = np.array([loud_level(course) for course in levels.T])
        sounding = np.flatnonzero(loud > max(SILENT, BESIDE * float(loud.max(initial=0.0))))
        chosen: list[int] = sounding.tolist() if self._every else []
        # The loudest first; but one that was chosen before stays, unless it has become quieter.
        weight = loud * np.where(np.isin(np.arange(loud.size), self._before), 2.0, 1.0)
        for channel in sorted(sounding.tolist(), key=lambda each: -weight[each]):
            if not self._every and not any(
                _same(block, levels, channel, other) for other in chosen
            ):
                chosen.append(channel)
        self._before = tuple(sorted(chosen))
        return self._before


def frame_levels(block: Samples) -> NDArray[np.float64]:
    """The RMS of every frame of 20 ms: [frames, channels]; what is shorter counts as one."""
    count = max(1, len(block) // LISTEN_FRAME)
    whole = block[: count * LISTEN_FRAME].astype(np.float64)
    squares = np.square(whole.reshape(count, -1, block.shape[1]))
    levels: NDArray[np.float64] = np.sqrt(squares.mean(axis=1))
    return levels


def loud_level(levels: NDArray[np.float64]) -> float:
    """The level that 100 ms reach of [frames], or the loudest of fewer frames."""
    return float(np.sort(levels)[-min(LOUD_FRAMES, levels.size)])


def _same(block: Samples, levels: NDArray[np.float64], one: int, other: int) -> bool:
    if abs(_correlation(block[:, one], block[:, other])) > SAME_WAVE:
        return True
    alike = _correlation(levels[:, one], levels[:, other])
    return len(levels) >= ENOUGH_FRAMES and alike > SAME_COURSE


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    one, other = one - one.mean(), other - other.mean()
    norm = float(np.sqrt(np.dot(one, one) * np.dot(other, other)))
    return float(np.dot(one, other)) / norm if norm > 0.0 else 0.0
