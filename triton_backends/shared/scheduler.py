"""The threads that compute recognition work in the order of a DecodeQueue.

Every recogniser has exactly one scheduler. One that decodes audio as it comes (pocketsphinx) leaves
it to `Sequences`, whose work is the next piece of an utterance. One whose decodes are batched over
utterances (Whisper) has its own over windows of audio, and answers `Sequences` with futures.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic

from triton_backends.shared.decode_queue import DecodeQueue, Interruption, R, T, Urgency, Work
from triton_backends.shared.errors import Unavailable

ShouldStop = Callable[[], bool]
"""Asked by a computation between its steps; may take as long as urgent work takes. True: stop."""
Compute = Callable[[list[T], ShouldStop], list[R] | None]
"""Computes a batch: a result for each item, or None when it was told to stop. May raise."""


class Scheduler(Generic[T, R]):
    """`slots` threads, each computes up to `max_batch` works at once; thread-safe.

    With 0 slots the thread that submits computes, one thread at a time: for work that takes
    microseconds. An exception of `compute` becomes that of every result in the batch.
    """

    def __init__(
        self,
        compute: Compute[T, R],
        slots: int,
        max_batch: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._compute = compute
        self._clock = clock
        self._queue: DecodeQueue[T, R] = DecodeQueue(slots, max_batch)
        self._changed = threading.Condition()
        self._closed = False
        self._draining = False
        self._threads = [
            threading.Thread(target=self._work, name=f"decoder-{number}", daemon=True)
            for number in range(slots)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, work: Work[T, R]) -> None:
        """Queue work; after `close` its result is Unavailable at once."""
        with self._changed:
            closed = self._closed
            if not closed:
                self._queue.add(work)
                self._changed.notify()
        if closed:
            _refuse(work)
        elif not self._threads:
            self._drain()

    def withdraw(self, work: Work[T, R]) -> bool:
        """Cancel work that is not wanted any more; False when it was taken already."""
        with self._changed:
            removed = self._queue.remove(work)
        if removed:
            work.result.cancel()
        return removed

    def raise_urgency(self, work: Work[T, R], urgency: Urgency) -> None:
        """Somebody waits for this work now."""
        with self._changed:
            work.urgency = max(work.urgency, urgency)

    def close(self) -> None:
        """End the threads after what they compute now; work that waits is refused."""
        with self._changed:
            self._closed = True
            left = self._queue.clear()
            self._changed.notify_all()
        for work in left:
            _refuse(work)
        for thread in self._threads:
            thread.join()

    def run_next(self, least: Urgency = Urgency.PARTIAL) -> bool:
        """Compute the next batch in the calling thread; False when nothing so urgent waits."""
        with self._changed:
            batch = [] if self._closed else self._queue.take(least)
            for work in batch:
                work.started_at = self._clock()
                work.result.set_running_or_notify_cancel()
        if batch:
            self._run(batch)
        return bool(batch)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
            self.run_next()

    def _drain(self) -> None:
        """Compute until nothing waits, unless another thread is doing so already."""
        while True:
            with self._changed:
                if self._draining or not self._queue or self._closed:
                    return
                self._draining = True
            try:
                while self.run_next():
                    pass
            finally:
                self._draining = False

    def _run(self, batch: list[Work[T, R]]) -> None:
        try:
            results = self._compute([work.item for work in batch], lambda: self._should_stop(batch))
        except Exception as error:  # noqa: BLE001  (root of a thread: who waits must hear of it)
            for work in batch:
                work.result.set_exception(error)
            return
        now = self._clock()
        for index, work in enumerate(batch):
            work.finished_at = now
            work.result.set_result(None if results is None else results[index])

    def _should_stop(self, batch: list[Work[T, R]]) -> bool:
        while True:
            with self._changed:
                running = max(work.urgency for work in batch)
                asked = self._queue.interruption(running)
            if asked is not Interruption.URGENT_FIRST:
                return asked is Interruption.ABANDON
            if not self.run_next(Urgency.SPECULATIVE):
                return False


def _refuse(work: Work[T, R]) -> None:
    work.result.set_exception(Unavailable("the model is being unloaded"))
