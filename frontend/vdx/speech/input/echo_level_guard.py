"""The echo guard: how much of what the microphone hears is the bot itself?

It removes nothing. It predicts the level of the echo from what was played, and only what stands
out above the prediction counts as loud. It acts where there is an echo path (`echo_path.py`): where
the input is coherent with what was played, not merely loud at the same time. For every frame, in 16
bands:

1. The *coupling* is the input over what was played at the delay of the path, in dB: a running upper
   quantile (Robbins and Monro, Annals of Mathematical Statistics 22, 1951), so that noise of the
   room is learned with it. Nothing is learned from a frame that stands out, which may be a person
   talking over the bot; but the coupling is at least what the correlation shows.
2. The prediction is coupling x played, falling off no faster than a room's reverberation. Six times
   that is taken off the input; the level of the rest goes to the noise gate. Where six times the
   prediction would not open the gate by itself, nothing is taken off: that would only hide the soft
   beginning of a person's words.

Until a session's first 160 ms of loud input over a reply have shown whether there is a path, a
quiet loudspeaker is assumed, so that the first words of a session are covered too; and no echo is
louder than the loudest sound heard since. Where there is no path, as with headphones, or with a
client that cancels its echo, everything counts.
"""

import math
from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_FRAME
from vdx.core.events import Pcm
from vdx.speech.input.echo_path import EchoPath, Path
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
PLAYED_DB: Final = 30.0
"""Mean square in dB above which a band of the bot's speech is worth learning from."""
SILENCE: Final[Pcm] = np.zeros(LISTEN_FRAME, np.int16)
NEPERS: Final = np.float32(np.log(10) / 10)
"""Of power in one dB; the natural functions are the quicker ones."""
_FLOOR: Final = 10.0


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
        self._reference: Pcm = SILENCE
        self._path = EchoPath()

    @property
    def path(self) -> Path:
        """Whether what is played comes back."""
        return self._path.path

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
        self._reference = SILENCE if played is None else played
        self._levels[1:] = self._levels[:-1]
        self._played.push(self._reference)
        self._levels[0] = _db(self._bands @ self._played.power())

    def residual(self, pcm: Pcm, heard: Floats, level: float, threshold: float) -> float:
        """RMS of what the bot does not explain, in int16 units; infinite where no echo is to fear.

        `pcm` is the input (int16 [320]), `heard` its power spectrum, `level` its RMS, `threshold`
        the RMS that opens the gate.
        """
        self._path.push(pcm, self._reference)
        power = self._bands @ heard
        self._heard[1:] = self._heard[:-1]
        self._heard[0] = _db(power)
        self._asked += 1
        if self._asked % CAP_FRAMES == 0:
            self._cap()
        near = self._near()
        self._predict(near)
        echo = MARGIN * self._predicted
        rest = float(np.sqrt(np.maximum(0.0, power - echo).sum()))
        stands_out = rest >= threshold
        if level >= threshold and self._path.look(unexplained=stands_out):
            np.maximum(self._coupling, self._path.coupling_db, out=self._coupling)
        if self.path is Path.PRESENT and not stands_out:
            self._learn(near)
        if self.path is Path.ABSENT or echo.sum() < threshold * threshold:
            return math.inf
        return rest

    def _near(self) -> Floats:
        """dB of what was played that this frame may be the echo of."""
        if self.path is not Path.PRESENT:
            return np.asarray(self._levels[:LAGS].max(axis=0))
        delay = self._path.delay
        return np.asarray(self._levels[max(0, delay - 1) : delay + 3].max(axis=0))

    def _cap(self) -> None:
        """No echo is louder than the loudest that was heard: with headphones that is nothing."""
        loudest = self._levels[LAGS:].max(axis=0)
        limit = self._heard.max(axis=0) - loudest + PEAK_DB
        lower = (loudest > PLAYED_DB) & (limit < self._coupling)
        np.copyto(self._coupling, limit, where=lower)

    def _predict(self, played: Floats) -> None:
        echo = np.exp((self._coupling + played) * NEPERS)
        self._predicted = np.maximum(echo, DECAY * self._predicted)

    def _learn(self, played: Floats) -> None:
        above = self._heard[0] - played > self._coupling
        step = np.where(above, QUANTILE, QUANTILE - 1) * STEP_DB
        self._coupling += np.where(played > PLAYED_DB, step, 0.0)
        np.clip(self._coupling, *COUPLING_DB, out=self._coupling)


def _db(power: Floats | float) -> Floats:
    return np.asarray(np.log(power + np.float32(_FLOOR)) / NEPERS, dtype=np.float32)
