"""How long the next window may be."""

ALONE, SHARED = 0.8, 0.25
"""The part of the time until the audio runs out that a window may take to compute."""
LEAST_GROWTH, GROWTH = 3, 8
"""A window is at least so many times the first one, because smaller ones are mostly context, and at
most so many times the one before, because larger ones take too long."""
BUSY = 1.5
"""The first window is so much longer where others compute: the second one takes longer then."""
SMOOTHING = 0.3


class WindowSizing:
    """Sizes windows by what they take on this machine: long ones cost less in all, but come later.

    Times in seconds, sizes in frames. `context` is what a window computes beside its own frames.
    """

    def __init__(self, first: int, largest: int, context: int) -> None:
        self._first = first
        self._largest = max(largest, first)
        self._context = context
        self._seconds_per_frame = 0.0

    def first(self, others: int, *, shared: bool) -> int:
        """The first window: longer for each of `others` that wait for their first one too.

        Those are computed before this one's second. `shared`: others compute as well.
        """
        alone = int(self._first * BUSY) if shared else self._first
        return min(alone + self._first * others, self._largest)

    def catching_up(self, came: int) -> int:
        """What to add to a first window during which `came` others have arrived."""
        return min(self._first * max(came, LEAST_GROWTH), self._largest)

    def following(self, last: int, slack_s: float, *, shared: bool) -> int:
        """As long as can be computed before the audio runs out in `slack_s`, within limits."""
        budget_s = max(slack_s, 0.0) * (SHARED if shared else ALONE)
        cost = self._seconds_per_frame or budget_s or 1.0
        fits = int(budget_s / cost) - self._context
        return max(min(fits, last * GROWTH, self._largest), LEAST_GROWTH * self._first)

    def took(self, frames: int, seconds: float) -> None:
        """A window of `frames` took so many seconds to compute."""
        cost = seconds / (frames + self._context)
        known = self._seconds_per_frame or cost
        self._seconds_per_frame = known + SMOOTHING * (cost - known)
