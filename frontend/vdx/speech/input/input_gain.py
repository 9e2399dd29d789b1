"""The gain that brings a person's voice to a nominal level, so that no decision depends on how
their microphone is set.

Thresholds of the input are meant for a voice at NOMINAL. The gain comes from the level of the
person's own turns (`input_level.py` `OwnLevel`). Until there is one, it comes from the noise floor:
a microphone that is set low gives little noise too, so a voice is expected at least EXPECTED times
above it. The noise floor is the quietest frame of the last one to two seconds (minimum statistics;
Martin, IEEE Transactions on Speech and Audio Processing 9, 2001), which speech does not move,
because nobody speaks for so long without a closure of the lips.

LiveKit's automatic gain control was not taken: it raises the noise between words, and its output
depends on what was heard before, so that a distant voice comes up as near as the person's.
"""

import math
from typing import Final

from vdx.speech.input.noise_gate import DIGITAL_SILENCE_RMS

NOMINAL: Final = 1_800.0
"""int16 RMS of a person's speech; the 90th percentile over 20 ms is 2,400 then."""
EXPECTED: Final = 20.0
"""Voice over noise floor, 26 dB, of somebody who has not spoken yet."""
QUIETEST: Final = NOMINAL / 4
"""A voice that is expected unheard: 12 dB below the nominal one."""
LEAST: Final = 1 / 4
MOST: Final = 16.0
LOUDEST_OVER_MEAN: Final = 2.0
"""The loudest 20 ms of somebody's first words over their mean level, 6 dB, at most."""
STEP: Final = 10 ** (1.5 / 20)
"""A gain that is so near to the right one stays as it is."""
BLOCK: Final = 50
"""Frames in half of the window of the noise floor."""
ENOUGH: Final = 5
"""Frames after which the floor is believed."""


class InputGain:
    """The gain of one session's input; told of every frame's level, int16 RMS."""

    def __init__(self) -> None:
        self.gain = 1.0
        self._lowest = self._before = math.inf
        self._frames = 0
        self._loudest = 0.0

    def speech(self, level: float) -> None:
        """Takes a frame of the person's speech, which counts until there is an own level.

        Without it their first words would be amplified by what silence had promised, and the breath
        behind them heard as speech.
        """
        self._loudest = max(self._loudest, level)

    def observe(self, level: float, own_level: float, *, bot_speaks: bool) -> None:
        """Takes a frame; `own_level` is that of the person's turns, 0.0 until there was one.

        While the bot speaks, whose echo may be heard, the floor can only fall.
        """
        self._follow_noise(level, bot_speaks=bot_speaks)
        if own_level:
            voice = own_level
        elif self._frames >= ENOUGH or self._before < math.inf:
            floor = min(self._lowest, self._before)
            heard = self._loudest / LOUDEST_OVER_MEAN
            voice = min(NOMINAL, max(QUIETEST, EXPECTED * floor, heard))
        else:
            return
        wanted = min(MOST, max(LEAST, NOMINAL / voice))
        if not self.gain / STEP < wanted < self.gain * STEP:
            self.gain = wanted

    def _follow_noise(self, level: float, *, bot_speaks: bool) -> None:
        if level < DIGITAL_SILENCE_RMS:
            return
        self._lowest = min(self._lowest, level)
        self._frames += 1
        if self._frames >= BLOCK and not bot_speaks:
            self._before, self._lowest, self._frames = self._lowest, math.inf, 0
