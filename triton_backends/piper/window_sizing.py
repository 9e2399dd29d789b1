"""How long the next window may be."""

import math

ALONE, SHARED = 0.5, 0.25
"""The part of the time until the audio runs out that a window may take to compute."""
LEAST_GROWTH, GROWTH = 2, 8
"""A window is at least so many times the first one, because smaller ones are mostly context, and at
most so many times the one before, because larger ones take too long."""
CATCHING_UP = 3
"""First windows that are added while others are computed before the second window."""
SLOW = 2.5
"""The first window is at most so much longer where the machine is slow."""
BUSY = 1.5
"""The first window is so much longer where others compute: the second one takes longer then."""
SMOOTHING = 0.3


class WindowSizing:
    """Sizes windows by what they take on this machine: long ones cost less in all, but come later.

    Times in seconds, sizes in frames of `frame_s` each. `context` is what a window computes beside
    its own frames.
    """

    def __init__(self, first: int, largest: int, context: int, frame_s: float) -> None:
        self._first = first
        self._frame_s = frame_s
        self._largest = max(largest, first)
        self._context = context
        self._seconds_per_frame = 0.0
        self._leading = 0.0

    def first(self, others: int, *, shared: bool) -> int:
        """The first window: longer for each of `others` that wait for their first one too.

        Those are computed before this one's second. `shared`: others compute as well.
        """
        alone = int(self._outlasting() * BUSY) if shared else self._outlasting()
        return min(alone + self._first * others, self._largest)

    def catching_up(self, came: int) -> int:
        """What to add to a first window during which `came` others have arrived."""
        return min(self._first * max(came, CATCHING_UP), self._largest)

    def following(self, last: int, slack_s: float, *, shared: bool) -> int:
        """As long as can be computed before the audio runs out in `slack_s`, within limits."""
        budget_s = max(slack_s, 0.0) * (SHARED if shared else ALONE)
        cost = self._seconds_per_frame or budget_s or 1.0
        fits = int(budget_s / cost) - self._context
        return max(min(fits, last * GROWTH, self._largest), LEAST_GROWTH * self._first)

    def _outlasting(self) -> int:
        """The first window, so long that its audio lasts while the second one is computed."""
        cost = self._seconds_per_frame
        gained_s = self._frame_s - LEAST_GROWTH * cost  # with each further frame
        slowest = int(self._first * SLOW)
        needed = math.ceil(self._context * cost / gained_s) if gained_s > 0 else slowest
        return min(max(needed, self._first), slowest) + round(self._leading)

    def leading_silence(self, frames: int) -> None:
        """A clause began with so many frames that nobody hears."""
        frames = min(frames, self._first)
        self._leading += SMOOTHING * (frames - self._leading)

    def took(self, frames: int, seconds: float) -> None:
        """A window of `frames` took so many seconds to compute."""
        cost = seconds / (frames + self._context)
        known = self._seconds_per_frame or cost
        self._seconds_per_frame = known + SMOOTHING * (cost - known)
