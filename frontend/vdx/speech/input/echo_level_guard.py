"""The echo guard: how much of what the microphone hears is the bot itself?

It removes nothing. It predicts the level of the echo from what was played, and only what stands
out above the prediction counts as loud. For every frame, in 16 bands:

1. The *delay* of the echo is the lag (0 to 600 ms) at which the bands of the input follow those of
   what was played most closely: the highest correlation of their levels in dB, smoothed over
   about a second. While none stands out, any lag may be the right one.
2. The *coupling* is the input over what was played at that delay, in dB: a running upper quantile
   (Robbins and Monro, Annals of Mathematical Statistics 22, 1951), so that a person talking over
   the bot for a moment moves it little, and noise of the room is learned with it.
3. The prediction is coupling x played, falling off no faster than a room's reverberation. Six times
   that is taken off the input; the level of the rest goes to the noise gate. Where six times the
   prediction would not open the gate by itself, nothing is taken off: that would only hide the soft
   beginning of a person's words.

With headphones, or a client that cancels its echo well, the guard steps aside within the first
second: no echo is louder than the loudest sound heard since. The coupling starts at a quiet
loudspeaker, so that the first words of a session are covered too.
"""

import math
from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_FRAME
from vdx.core.events import Pcm
from vdx.speech.input.spectrum import BANDS, Floats, Spectrum, mel_bands

LAGS: Final = 31
"""Frames of 20 ms."""
FIRST_COUPLING_DB: Final = -20.0
COUPLING_DB: Final = (-60.0, 10.0)
QUANTILE: Final = 0.7
STEP_DB: Final = 0.4
"""What one frame may move the coupling: 0.28 dB up or 0.12 dB down."""
KEPT: Final = 2 * LAGS
"""What was played in the older half of it has been heard by now, if it is heard at all."""
PEAK_DB: Final = 6.0
CAP_FRAMES: Final = 5
"""Peaks of more than a second change slowly."""
DECAY: Final = 0.75
"""Of the predicted power in 20 ms: a reverberation time of about a second."""
MARGIN: Final = 6.0
"""About 8 dB: a resonance of the room lifts single vowels that far above the quantile."""
MEMORY: Final = 0.02
LOCKED, LOST = 0.45, 0.2
"""Correlation from which a delay is believed, and below which it is forgotten."""
PLAYED_DB: Final = 30.0
"""Mean square in dB above which a band of the bot's speech is worth learning from."""
SILENCE: Final[Pcm] = np.zeros(LISTEN_FRAME, np.int16)
NEPERS: Final = np.float32(np.log(10) / 10)
"""Of power in one dB; the natural functions are the quicker ones."""
_FLOOR: Final = 10.0
_TINY: Final = 1e-12


class EchoLevelGuard:
    """Keeps the echo path of one session; told of every frame, asked while it is `active`."""

    def __init__(self) -> None:
        self._bands = mel_bands()
        self._played = Spectrum()
        self._levels = np.full((KEPT, BANDS), _db(0.0), np.float32)  # the newest first
        self._silent = KEPT
        self._coupling = np.full(BANDS, FIRST_COUPLING_DB, np.float32)
        self._heard = np.full((KEPT, BANDS), _db(0.0), np.float32)
        self._asked = 0
        self._predicted = np.zeros(BANDS, np.float32)
        self._delay = _Delay()

    @property
    def coupling_db(self) -> float:
        """The echo against what was played, in dB, the median of all bands."""
        return float(np.median(self._coupling))

    @property
    def active(self) -> bool:
        """Whether an echo may be heard: the bot has spoken within the last 600 ms."""
        return self._silent < LAGS

    def play(self, played: Pcm | None) -> None:
        """What the listener was made to hear in the 20 ms at hand (int16 [320]), None for silence.

        Comes before `residual`, once for every frame of the input.
        """
        self._silent = min(KEPT, self._silent + 1) if played is None else 0
        if not self.active:
            return
        self._levels[1:] = self._levels[:-1]
        self._played.push(SILENCE if played is None else played)
        self._levels[0] = _db(self._bands @ self._played.power())

    def residual(self, heard: Floats, threshold: float) -> float:
        """RMS of what the bot does not explain, in int16 units; infinite where no echo is to fear.

        `heard` is the power spectrum of the input, `threshold` the RMS that opens the gate.
        """
        power = self._bands @ heard
        self._heard[1:] = self._heard[:-1]
        self._heard[0] = _db(power)
        self._asked += 1
        if self._asked % CAP_FRAMES == 0:
            self._cap()
        recent = self._levels[:LAGS]
        lag = self._delay.follow(self._heard[0], recent)
        near = recent if lag is None else self._levels[max(0, lag - 1) : lag + 3]
        self._predict(self._heard[0], near.max(axis=0))
        echo = MARGIN * self._predicted
        if echo.sum() < threshold * threshold:
            return math.inf
        return float(np.sqrt(np.maximum(0.0, power - echo).sum()))

    def _cap(self) -> None:
        """No echo is louder than the loudest that was heard: with headphones that is nothing."""
        loudest = self._levels[LAGS:].max(axis=0)
        limit = self._heard.max(axis=0) - loudest + PEAK_DB
        lower = (loudest > PLAYED_DB) & (limit < self._coupling)
        np.copyto(self._coupling, limit, where=lower)

    def _predict(self, heard: Floats, played: Floats) -> None:
        above = heard - played > self._coupling
        audible = played > PLAYED_DB
        step = np.where(above, QUANTILE, QUANTILE - 1) * STEP_DB
        self._coupling += np.where(audible, step, 0.0)
        np.clip(self._coupling, *COUPLING_DB, out=self._coupling)
        echo = np.exp((self._coupling + played) * NEPERS)
        self._predicted = np.maximum(echo, DECAY * self._predicted)


class _Delay:
    """Finds the lag of the echo from the levels of the bands, in dB."""

    def __init__(self) -> None:
        self._mean_heard = np.zeros(BANDS, np.float32)
        self._mean_played = np.zeros(BANDS, np.float32)
        self._common = np.zeros(LAGS, np.float32)
        self._of_played = np.full(LAGS, 1e-3, np.float32)
        self._of_heard = 1e-3
        self._begun = False
        self._lag: int | None = None

    def follow(self, heard: Floats, played: Floats) -> int | None:
        """The lag believed in; `played` is [LAGS, BANDS], the newest first."""
        if not self._begun:
            self._begun = True
            self._mean_heard[:], self._mean_played[:] = heard, played[0]
        self._mean_heard += MEMORY * (heard - self._mean_heard)
        self._mean_played += MEMORY * (played[0] - self._mean_played)
        one, other = heard - self._mean_heard, played - self._mean_played
        self._common += MEMORY * (other @ one - self._common)
        self._of_played += MEMORY * (np.einsum("lb,lb->l", other, other) - self._of_played)
        self._of_heard += MEMORY * (float(one @ one) - self._of_heard)
        likeness = self._common / np.sqrt(self._of_played * self._of_heard + _TINY)
        best = int(likeness.argmax())
        if likeness[best] > LOCKED:
            self._lag = best
        elif likeness[best] < LOST:
            self._lag = None
        return self._lag


def _db(power: Floats | float) -> Floats:
    return np.asarray(np.log(power + np.float32(_FLOOR)) / NEPERS, dtype=np.float32)
