"""What was played to the user, aligned with the input.

Playout adds every frame that is sent with the time it was due; for each 20 ms of the input
`during` gives what was sent in these 20 ms. Both run on the session's clock. The time of the input
is that of its samples: the earliest arrival of the last second gives the time of sample 0, so
that frames which arrive late, or several at once, are still compared with the right ones. The
further delay of the echo (network, sound card, room) is found by the AEC and the level guard.
"""

from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE, SPEAK_RATE
from vdx.core.events import Pcm
from vdx.core.resample import Resampler

KEPT: Final = 4 * LISTEN_RATE
LATE_S: Final = 0.01
"""A frame sent later than this leaves a gap before it; less is the jitter of sending."""
EARLY_S: Final = 0.04
"""A frame sent earlier than this is played at once, over what was expected there."""
PERIOD_S: Final = 1.0
"""How long an early arrival counts, at least."""


class PlaybackReference:
    """A ring of the last seconds at 16 kHz; positions are samples on the session's clock."""

    def __init__(self) -> None:
        self._ring = np.zeros(KEPT, np.int16)
        self._resampler = Resampler(SPEAK_RATE, LISTEN_RATE)
        self._end = 0
        self._arrivals = _Arrivals()

    def add(self, row: Pcm, now: float) -> None:
        """A frame (int16 [960], 48 kHz) was sent at `now`."""
        pcm = self._resampler.push(row)
        at = round(now * LISTEN_RATE)
        if not -EARLY_S * LISTEN_RATE <= at - self._end <= LATE_S * LISTEN_RATE:
            self._silence(at)
        places = np.arange(self._end, self._end + pcm.size) % KEPT
        self._ring[places] = pcm
        self._end += pcm.size

    def _silence(self, until: int) -> None:
        if until > self._end:
            missing = min(until - self._end, KEPT)
            self._ring[np.arange(until - missing, until) % KEPT] = 0
        self._end = until

    def during(self, position: int, now: float) -> Pcm | None:
        """What was sent during the input frame that ends at sample `position`.

        int16 [320] at 16 kHz, or None for silence; `now` is when the frame arrived.
        """
        input_at = self._arrivals.time_of(position / LISTEN_RATE, now)
        start = round(input_at * LISTEN_RATE) - LISTEN_FRAME
        known = min(self._end - start, LISTEN_FRAME)
        if known <= 0 or start < self._end - KEPT:
            return None
        out = np.zeros(LISTEN_FRAME, np.int16)
        out[:known] = self._ring[np.arange(start, start + known) % KEPT]
        return out


class _Arrivals:
    """The time of a sample of the input, from the arrivals of its frames."""

    def __init__(self) -> None:
        self._began = -np.inf
        self._earliest = self._before = np.inf

    def time_of(self, moment: float, now: float) -> float:
        """`moment` in seconds of input, on the clock of `now`."""
        late = now - moment
        if now - self._began > PERIOD_S:
            stale = (
                now - self._began > 2 * PERIOD_S
            )  # the input stopped meanwhile: earlier arrivals do not count
            self._before = np.inf if stale else self._earliest
            self._began, self._earliest = now, np.inf
        self._earliest = min(self._earliest, late)
        return float(moment + min(self._earliest, self._before))
