"""Runs a computation that needs several steps of a scheduler, one after the other.

Own code: concurrent.futures has nothing that continues without a thread that waits. The computation
is a generator: it yields what is to be computed, is sent the result, and returns its answer.
"""

from collections.abc import Callable, Generator, Hashable
from concurrent.futures import CancelledError, Future
from typing import Generic, TypeVar, cast

from triton_backends.shared.decode_queue import R, T, Urgency, Work
from triton_backends.shared.errors import Internal
from triton_backends.shared.scheduler import Scheduler

A = TypeVar("A")


class Stepwise(Generic[T, R, A]):
    """One such computation; `answer` ends with what it returns or raises.

    It runs in the thread that calls `start` up to its first step, and then in the scheduler's.
    """

    def __init__(
        self,
        steps: Generator[T, R, A],
        scheduler: Scheduler[T, R],
        urgency: Urgency,
        batch_key: Hashable = None,
    ) -> None:
        self.answer: Future[A] = Future()
        self._steps = steps
        self._scheduler = scheduler
        self._urgency = urgency
        self._batch_key = batch_key
        self._work: Work[T, R] | None = None

    def start(self) -> "Stepwise[T, R, A]":
        self._go(lambda: next(self._steps))
        return self

    def raise_urgency(self, urgency: Urgency) -> None:
        """Somebody waits for the answer now; may be called by any thread."""
        self._urgency = max(self._urgency, urgency)
        if (work := self._work) is not None:
            self._scheduler.raise_urgency(work, urgency)

    def _go(self, resume: Callable[[], T]) -> None:
        try:
            item = resume()
        except StopIteration as ended:
            self.answer.set_result(ended.value)
            return
        except Exception as error:  # noqa: BLE001  (who waits for the answer must hear of it)
            self.answer.set_exception(error)
            return
        work: Work[T, R] = Work(item, self._urgency, self._batch_key)
        work.result.add_done_callback(self._computed)
        self._work = work
        self._scheduler.submit(work)

    def _computed(self, done: Future[R | None]) -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        if error is None and done.result() is None:
            error = Internal("a step was interrupted")
        if error is not None:
            self._go(lambda: self._steps.throw(error))
            return
        self._go(lambda: self._steps.send(cast("R", done.result())))
