"""Which recognition work is computed next: the policy alone, without threads and without a clock.

1. The most urgent work first (`Urgency`); of two alike, the one that was added first. Work that
   comes in pieces is added again after each piece, so that equals take turns.
2. What can be computed together with it joins its batch: the same `batch_key`, and the same urgency
   or both urgent. Those that wait are divided evenly among the threads, so that two utterances are
   computed side by side, and twenty in a few batches.
3. Between two steps of a batch (`interruption`): urgent work that waits ends a partial transcript
   that is half done, and is computed in the middle of other audio, which then goes on.
"""

import enum
import itertools
import math
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Urgency(enum.IntEnum):
    """Higher is computed first. From SPECULATIVE on it is urgent: a turn waits for it."""

    PARTIAL = 0
    """A partial transcript, which may be left out."""
    AUDIO = 1
    """Audio that has to be decoded but for whose text nobody waits yet.

    Live audio before a FLUSH, a recording, a segment of a long utterance.
    """
    SPECULATIVE = 2
    """The answer to a FLUSH."""
    FINAL = 3
    """The answer to an END."""


@dataclass(eq=False, slots=True)
class Work(Generic[T, R]):
    """One thing to compute; `result` ends with what was computed, or is cancelled.

    It ends with None where the computation was interrupted. `batch_key`: what has to be equal in a
    batch; None is computed alone. Times in seconds of the scheduler's clock.
    """

    item: T
    urgency: Urgency
    batch_key: Hashable = None
    result: Future[R | None] = field(default_factory=Future)
    order: int = 0
    started_at: float = 0.0
    finished_at: float = 0.0

    @property
    def urgent(self) -> bool:
        return self.urgency >= Urgency.SPECULATIVE


class Interruption(enum.Enum):
    """What a thread does between two steps of a batch."""

    NONE = enum.auto()
    ABANDON = enum.auto()
    URGENT_FIRST = enum.auto()


class DecodeQueue(Generic[T, R]):
    """Work that waits, for `slots` threads that compute at most `max_batch` at once; not locked.

    Its owner bounds it: every open utterance has a bounded number of works in it.
    """

    def __init__(self, slots: int, max_batch: int) -> None:
        self._slots = max(slots, 1)
        self._max_batch = max_batch
        self._waiting: list[Work[T, R]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, work: Work[T, R]) -> None:
        work.order = next(self._order)
        self._waiting.append(work)

    def remove(self, work: Work[T, R]) -> bool:
        """False when it does not wait: it is being computed, or done."""
        if work not in self._waiting:
            return False
        self._waiting.remove(work)
        return True

    def clear(self) -> list[Work[T, R]]:
        """Remove everything; returns what waited."""
        left, self._waiting = self._waiting, []
        return left

    def take(self, least: Urgency = Urgency.PARTIAL) -> list[Work[T, R]]:
        """Remove and return the next batch, at least so urgent; empty if there is none."""
        first = max(self._waiting, key=_rank, default=None)
        if first is None or first.urgency < least:
            return []
        alike = [first]
        if first.batch_key is not None:
            alike = sorted((w for w in self._waiting if _join(first, w)), key=_rank, reverse=True)
        share = min(math.ceil(len(alike) / self._slots), self._max_batch)
        batch = alike[:share]
        for work in batch:
            self._waiting.remove(work)
        return batch

    def interruption(self, running: Urgency) -> Interruption:
        """What waits may ask of a batch of urgency `running` that is being computed."""
        if running >= Urgency.SPECULATIVE or not any(work.urgent for work in self._waiting):
            return Interruption.NONE
        if running is Urgency.PARTIAL:
            return Interruption.ABANDON
        return Interruption.URGENT_FIRST


def _rank(work: Work[Any, Any]) -> tuple[int, int]:
    return work.urgency, -work.order


def _join(first: Work[Any, Any], other: Work[Any, Any]) -> bool:
    alike = first.urgency == other.urgency or (first.urgent and other.urgent)
    return alike and first.batch_key == other.batch_key
