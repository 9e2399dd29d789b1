"""Is there an echo path: does what was played come back in the input, and how much later?

Told by coherence and not by level, so that a person who talks over the bot is never taken for its
echo. The input of the last 160 ms is correlated with what was played in the 600 ms before it
(generalised cross-correlation, Knapp and Carter, IEEE Transactions on Acoustics, Speech and Signal
Processing 24, 1976; both spectra are flattened by the power 0.8, between plain correlation and the
phase transform). An echo gives one lag that stands far out above the others.

Measured on the bundled recordings, as the peak over the RMS of all lags: without an echo 5.2 in the
median, 7 at the 90th percentile and 13.5 at most; with one at -10 to -30 dB 10 to 18 in the median,
under a person who talks as loud as usual 6 to 8. So two windows have to agree. A steady tone is the
same at any delay, and a voice is like it at some: of 81 pairs of a tone and a person without an
echo 69 agreed in two windows, which is why a tone tells of no path.
"""

import math
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.events import Pcm

WINDOW: Final = 8 * LISTEN_FRAME
"""160 ms of the input."""
LONGEST: Final = 30 * LISTEN_FRAME
"""600 ms: the longest delay that is looked for."""
SIZE: Final = 12_800
"""FFT length, a product of small primes; WINDOW + LONGEST samples at least."""
FLATTENED: Final = 0.8
LIKELY: Final = 7.0
"""Peak over RMS that is an echo if two windows that share no sample give the same lag."""
CLEAR: Final = 10.0
"""At the delay of the path: the echo is most of what is heard."""
CERTAIN: Final = 16.0
"""No two voices are so much alike by chance."""
CANDIDATE_FOR: Final = 100
"""Frames for which a lag that was found once is remembered."""
PLAYED_SHARE: Final = 0.1
FEWEST: Final = LISTEN_FRAME * 5
"""Lags with a tenth of the highest energy at least that a search needs: 100 ms."""
REVERBERANT_DB: Final = 3.0
"""An echo with its reverberation over its direct sound, which the correlation measures."""
SAME_LAG: Final = LISTEN_FRAME // 10
"""2 ms: an echo was found within it each time; chance agrees five times less often than in 10."""
TONE_SHARE: Final = 0.7
"""Of the energy of what was played, in one band of TONE_HZ: more is a tone. Of speech it is 0.25 in
the median and 0.55 at the 95th percentile, of tones that follow each other 0.59 at the fifth."""
TONELIKE_SHARE: Final = 0.5
"""More may be a tone, and counts as one where the highest peak does not stand alone."""
TONE_HZ: Final = 60
ALONE: Final = 0.4
"""The next peak over the highest at most, for the highest to stand alone."""
NEXT: Final = 24
"""Samples from the highest peak, 1.5 ms, within which everything belongs to it."""
UNDECIDED_FOR: Final = 8
"""Searches in loud input, one a frame, until the path counts as absent."""
LOST_AFTER: Final = 12
"""Searches without a find after which one that was there is gone."""
EVERY: Final = 25
"""Frames between two searches where all that is heard is explained; 5 where it is not."""
EVERY_UNEXPLAINED: Final = 5
EVERY_ABSENT: Final = 3

_WINDOW: Final = np.hanning(WINDOW).astype(np.float32)
_LAGS: Final = np.arange(LONGEST + 1) - LONGEST
"""Where `irfft` has the correlation at a delay of 0 to LONGEST samples."""
_TINY: Final = 1e-3


class Path(Enum):
    UNDECIDED = auto()
    ABSENT = auto()
    PRESENT = auto()


class _Find(NamedTuple):
    """The highest peak over the RMS of the lags, the next one over it, and the lag in samples."""

    peak: float
    second: float
    lag: int


class EchoPath:
    """Keeps both signals of one session and the verdict; `look` searches when it is due."""

    def __init__(self) -> None:
        self._heard = np.zeros(WINDOW, np.float32)
        self._played = np.zeros(WINDOW + LONGEST, np.float32)
        self.path = Path.UNDECIDED
        self.coupling_db = 0.0
        """The echo against what was played, from the last clear find."""
        self._lag = 0
        self._candidate = (-LONGEST, 0)  # a lag that was found once, and when
        self._misses = 0
        self._now = 0
        self._searched = -EVERY

    @property
    def delay(self) -> int:
        """Frames of 20 ms, while the path is present."""
        return self._lag // LISTEN_FRAME

    def push(self, heard: Pcm, played: Pcm) -> None:
        """Takes a frame of both (int16 [320], 16 kHz)."""
        for kept, new in ((self._heard, heard), (self._played, played)):
            kept[:-LISTEN_FRAME] = kept[LISTEN_FRAME:]
            kept[-LISTEN_FRAME:] = new
        self._now += 1

    def look(self, *, unexplained: bool) -> bool:
        """Comes with every loud frame; `unexplained`: more is heard than the echo that is known.

        True when it found the echo clearly just now, so that `coupling_db` is new.
        """
        due = {Path.UNDECIDED: 1, Path.ABSENT: EVERY_ABSENT}.get(
            self.path, EVERY_UNEXPLAINED if unexplained else EVERY
        )
        if self._now - self._searched < due or (found := self._search()) is None:
            return False
        self._searched = self._now
        peak, lag = found.peak, found.lag
        known = self.path is Path.PRESENT and abs(lag - self._lag) <= SAME_LAG
        if peak >= LIKELY and not known and self._is_tone(found.second):
            peak = 0.0
        if peak >= LIKELY and (known or self._found_before(lag, peak)):
            self.path, self._lag, self._misses = Path.PRESENT, lag, 0
            self.coupling_db = self._measure(lag)
            return peak >= CLEAR
        self._misses = 0 if peak >= LIKELY and self.path is Path.UNDECIDED else self._misses + 1
        if self._misses >= (LOST_AFTER if self.path is Path.PRESENT else UNDECIDED_FOR):
            self.path, self._misses = Path.ABSENT, 0
        return False

    def _found_before(self, lag: int, peak: float) -> bool:
        """Whether this lag was found in a window that shares no sample."""
        if peak >= CERTAIN:
            return True
        earlier, when = self._candidate
        if abs(lag - earlier) > SAME_LAG or self._now - when > CANDIDATE_FOR:
            self._candidate = (lag, self._now)
            return False
        return self._now - when >= WINDOW // LISTEN_FRAME

    def _is_tone(self, second: float) -> bool:
        """Whether what was played is a tone, to which a voice that is no echo is alike."""
        power = np.abs(np.fft.rfft(self._played, SIZE)) ** 2
        half = TONE_HZ * SIZE // LISTEN_RATE // 2
        highest = int(power.argmax())
        share = float(power[max(0, highest - half) : highest + half + 1].sum() / power.sum())
        return share > TONE_SHARE or (share > TONELIKE_SHARE and second > ALONE)

    def _measure(self, lag: int) -> float:
        """Coupling at this lag, from the correlation, to which a person's voice adds little."""
        played = self._played[LONGEST - lag : LONGEST - lag + WINDOW] * _WINDOW
        share = abs(np.dot(self._heard * _WINDOW, played)) / (np.dot(played, played) + _TINY)
        return 20.0 * math.log10(share + _TINY) + REVERBERANT_DB

    def _search(self) -> _Find | None:
        """The highest peak; only lags at which something was played are compared.

        None while they are too few.
        """
        energy = np.cumsum(self._played * self._played, dtype=np.float64)
        energy = energy[WINDOW - 1 :] - np.concatenate([[0.0], energy[:LONGEST]])
        played = np.flatnonzero(energy[::-1] > PLAYED_SHARE * energy.max())
        if played.size < FEWEST:
            return None
        cross = _flat(self._heard * _WINDOW) * np.conj(_flat(self._played))
        found = np.abs(np.fft.irfft(cross, SIZE)[_LAGS[played]])
        best = int(found.argmax())
        spread = float(np.sqrt(np.mean(found * found))) + _TINY * _TINY
        others = found[np.abs(played - played[best]) > NEXT]
        second = float(others.max(initial=0.0) / (found[best] + _TINY * _TINY))
        return _Find(float(found[best]) / spread, second, int(played[best]))


def _flat(signal: NDArray[np.float32]) -> NDArray[np.complexfloating]:
    spectrum = np.fft.rfft(signal, SIZE)
    return np.asarray(spectrum / (np.abs(spectrum) + _TINY) ** FLATTENED)
