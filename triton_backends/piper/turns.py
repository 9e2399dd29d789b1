"""Who may compute next: one queue over everybody who speaks."""

import heapq
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2


class Turns:
    """Lets `at_once` callers compute; of those who wait, the lowest `due` goes first.

    `due` is when somebody runs out of sound, in seconds of one clock. Whoever hears nothing yet
    passes FIRST and overtakes everybody who does.
    """

    FIRST = float("-inf")

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._free = at_once
        self._waiting: list[tuple[float, int]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, due: float) -> Iterator[None]:
        """Waits for a turn and holds it."""
        ticket = (due, next(self._order))
        with self._changed:
            heapq.heappush(self._waiting, ticket)
            while not self._free or self._waiting[0] != ticket:
                self._changed.wait()
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)
