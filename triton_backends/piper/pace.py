"""How long the next window may be."""

ALONE, SHARED = 0.8, 0.25
"""The part of the time until the sound runs out that a window may take."""
LEAST_GROWTH, GROWTH = 3, 5
"""Times the first window: less is mostly context. Times the last one: more comes too late."""
SMOOTHING = 0.3


class Pace:
    """Sizes windows by what they cost here: long ones cost less in all, but come later.

    Times in seconds, sizes in frames. `context` is what a window computes beside its own frames.
    """

    def __init__(self, first: int, largest: int, context: int) -> None:
        self._first = first
        self._largest = max(largest, first)
        self._context = context
        self._seconds_per_frame = 0.0

    def first(self, others: int) -> int:
        """The first window: longer for each who waits for a first one as well.

        Those will be served before this one's second.
        """
        return min(self._first * (1 + others), self._largest)

    def following(self, last: int, slack_s: float, *, shared: bool) -> int:
        """As long as can be computed before the sound runs out in `slack_s`, within limits."""
        budget_s = max(slack_s, 0.0) * (SHARED if shared else ALONE)
        cost = self._seconds_per_frame or budget_s or 1.0
        fits = int(budget_s / cost) - self._context
        return max(min(fits, last * GROWTH, self._largest), LEAST_GROWTH * self._first)

    def took(self, frames: int, seconds: float) -> None:
        """What a window of `frames` took."""
        cost = seconds / (frames + self._context)
        known = self._seconds_per_frame or cost
        self._seconds_per_frame = known + SMOOTHING * (cost - known)
