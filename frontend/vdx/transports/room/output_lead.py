"""The lead of rooms: how much of a reply is fed to a track before it is played."""

import math
import time
from collections.abc import Callable
from typing import Final

from vdx.core.audio import FRAME_MS

TICK_MS: Final = 10
"""Milliseconds of audio that a track takes at a time."""
SLACK_MS: Final = 5.0
"""A frame so late still meets the next tick, more often than not."""
CALM_S: Final = 10.0
"""After so long the lead shrinks by one tick, if no frame meanwhile was late enough to need it."""


class OutputLead:
    """Milliseconds fed and not yet played, one for all rooms of a process: they are late together.

    What waits in a track is still heard after an interruption, so it is one frame, `least_ms`, on
    a machine that keeps up. Where frames come late it grows at once to what they were late by, as
    a jitter buffer does, `most_ms` at most, and shrinks slowly: a hole is worse than an end that
    comes some milliseconds later.
    """

    def __init__(
        self, least_ms: int, most_ms: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.most_ms = max(least_ms, most_ms)
        self._least_ms = least_ms
        self._clock = clock
        self._ms = self._needed_ms = least_ms
        self._since = clock()

    def __call__(self) -> int:
        return self._ms

    @property
    def early_s(self) -> float:
        """How long before its turn a frame is fed now."""
        return (self._ms - FRAME_MS) / 1000

    def observe(self, late_s: float) -> bool:
        """A frame was fed so long after its time; True where its track had run dry before."""
        dry = (late_s - self.early_s) * 1000 > TICK_MS
        ticks = math.ceil((late_s * 1000 - SLACK_MS) / TICK_MS)
        needed_ms = min(FRAME_MS + ticks * TICK_MS, self.most_ms)
        self._needed_ms = max(self._needed_ms, needed_ms)
        now = self._clock()
        if needed_ms > self._ms:
            self._ms, self._since = needed_ms, now
        elif now - self._since >= CALM_S:
            self._ms = max(self._ms - TICK_MS, self._needed_ms)
            self._needed_ms, self._since = self._least_ms, now
        return dry
