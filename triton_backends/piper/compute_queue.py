"""Who may compute next: one queue over everybody who speaks."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2
URGENT_S = 0.4
FIRST_S = 0.2
"""Whoever hears nothing yet is due so long after asking."""


class ComputeQueue:
    """Lets two compute at once; of those who wait, the lowest `due` goes first.

    `due` is when somebody runs out of sound, in seconds of `time.monotonic`; None for who hears
    nothing yet, and overtakes everybody but those who are about to fall silent. The second place
    is kept for who needs it within URGENT_S, so that a newcomer never waits for those who are far
    ahead.
    """

    def __init__(self) -> None:
        self._free = AT_ONCE
        self._waiting: list[tuple[float, int]] = []
        self._silent = 0
        self._order = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, due: float | None) -> Iterator[None]:
        """Waits for a turn and holds it."""
        first = due is None
        if due is None:
            due = time.monotonic() + FIRST_S
        ticket = (due, next(self._order))
        with self._changed:
            self._silent += first
            heapq.heappush(self._waiting, ticket)
            while not self._may_go(ticket):
                self._changed.wait(self._until_urgent(due))
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._silent -= first
                self._free += 1
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    @property
    def silent(self) -> int:
        """How many hear nothing yet: they wait for their first turn, or hold it."""
        return self._silent

    @property
    def shared(self) -> bool:
        """Whether anybody else computes or waits, asked by one who computes."""
        return self._free < AT_ONCE - 1 or bool(self._waiting)

    def _may_go(self, ticket: tuple[float, int]) -> bool:
        if self._waiting[0] != ticket:
            return False
        return self._free == AT_ONCE or (self._free > 0 and self._until_urgent(ticket[0]) is None)

    def _until_urgent(self, due: float) -> float | None:
        """Seconds until `due` is urgent; None when it is, or never has to be waited for."""
        left = due - time.monotonic() - URGENT_S
        return left if left > 0 else None
