"""Which clause computes its next window: one queue over all requests of a voice."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2
URGENT_S = 0.4
FIRST_S = 0.2
"""A clause without audio yet is due so long after asking."""


class ComputeQueue:
    """Lets two clauses compute at once; of those that wait, the lowest `due` goes first.

    `due` is when the audio of a clause will have been played, in seconds of `time.monotonic`; None
    where there is none yet, which goes before all but those that run out within FIRST_S. The second
    slot is kept for a clause that is due within URGENT_S, so that a new one never waits for those
    that have much audio left.
    """

    def __init__(self) -> None:
        self._free = AT_ONCE
        self._waiting: list[tuple[float, int]] = []
        self._without_audio = 0
        self._order = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, due: float | None) -> Iterator[None]:
        """Waits for a slot and holds it."""
        first = due is None
        if due is None:
            due = time.monotonic() + FIRST_S
        ticket = (due, next(self._order))
        with self._changed:
            self._without_audio += first
            heapq.heappush(self._waiting, ticket)
            while not self._may_start(ticket):
                self._changed.wait(self._until_urgent(due))
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._without_audio -= first
                self._free += 1
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    @property
    def without_audio(self) -> int:
        """How many clauses have no audio yet: they wait for their first slot, or hold it."""
        return self._without_audio

    @property
    def shared(self) -> bool:
        """Whether other clauses compute or wait; asked by one that computes."""
        return self._free < AT_ONCE - 1 or bool(self._waiting)

    def _may_start(self, ticket: tuple[float, int]) -> bool:
        if self._waiting[0] != ticket:
            return False
        return self._free == AT_ONCE or (self._free > 0 and self._until_urgent(ticket[0]) is None)

    def _until_urgent(self, due: float) -> float | None:
        """Seconds until `due` is urgent; None when it is."""
        left = due - time.monotonic() - URGENT_S
        return left if left > 0 else None
