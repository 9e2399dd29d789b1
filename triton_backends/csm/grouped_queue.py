"""Which request computes its next frame: one at a time, those of one adapter together."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

URGENT_S = 0.4


@dataclass(frozen=True, slots=True)
class _Ticket:
    due: float | None
    group: str
    order: int


class GroupedQueue:
    """Lets one compute, the most urgent of those that wait.

    First those without audio (`due` None) in the order they came; then those whose audio runs out
    within URGENT_S, `due` being when it does in seconds of `time.monotonic`. Of those that have
    time one of the `group` that computed last goes first, so that adapters are changed seldom; the
    lowest `due` among them. What waits gets urgent, so that no group is left waiting.
    """

    def __init__(self) -> None:
        self._waiting: list[_Ticket] = []
        self._turn: _Ticket | None = None
        """Who computes. Who is next is decided once: it changes with the time."""
        self._group = ""
        self._order = itertools.count()
        self._changed = threading.Condition()

    @contextmanager
    def slot(self, due: float | None, group: str) -> Iterator[None]:
        """Waits for its turn and holds it."""
        ticket = _Ticket(due, group, next(self._order))
        with self._changed:
            self._waiting.append(ticket)
            if self._turn is None:
                self._give_turn()
            while self._turn is not ticket:
                self._changed.wait()
        try:
            yield
        finally:
            with self._changed:
                self._turn = None
                if self._waiting:
                    self._give_turn()
                self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    def _give_turn(self) -> None:
        now = time.monotonic()
        chosen = min(self._waiting, key=lambda ticket: self._place(ticket, now))
        self._waiting.remove(chosen)
        self._turn, self._group = chosen, chosen.group

    def _place(self, ticket: _Ticket, now: float) -> tuple[int, float, int]:
        if ticket.due is None:
            return 0, 0.0, ticket.order
        if ticket.due - now < URGENT_S:
            return 1, ticket.due, ticket.order
        return (2 if ticket.group == self._group else 3), ticket.due, ticket.order
