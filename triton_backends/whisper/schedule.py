"""Who is decoded next: finals first, and what waits together as one batch."""

import enum
import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from triton_backends.shared.errors import Unavailable
from triton_backends.whisper.recogniser import Heard, Window

Understand = Callable[[list[Window], Callable[[], bool]], list[Heard] | None]


class Urgency(enum.IntEnum):
    """Higher goes first."""

    PARTIAL = 0
    PART = 1  # of an utterance longer than a window, or of a recording
    SPECULATIVE = 2
    FINAL = 3


@dataclass(eq=False, slots=True)
class Job:
    """A window somebody waits for; the future ends with what was heard or is cancelled."""

    window: Window
    urgency: Urgency
    future: Future[Heard] = field(default_factory=Future)
    order: int = 0
    began: float = 0.0
    """Monotonic seconds, as is `ended`."""
    ended: float = 0.0

    @property
    def pressing(self) -> bool:
        """A turn waits for it."""
        return self.urgency >= Urgency.SPECULATIVE


class Schedule:
    """Threads that decode; `parallel` of them, each takes up to `largest` jobs at once.

    Jobs that wait are shared out among the threads, and each share is decoded as one batch: two
    people are served side by side, twenty in a few batches.
    """

    def __init__(self, understand: Understand, parallel: int, largest: int) -> None:
        self._understand = understand
        self._parallel = parallel
        self._largest = largest
        self._waiting: list[Job] = []
        self._order = itertools.count()
        self._wake = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"whisper-{number}", daemon=True)
            for number in range(parallel)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; after `close` it fails at once."""
        with self._wake:
            if self._closed:
                job.future.set_exception(Unavailable("the model is being unloaded"))
                return
            job.order = next(self._order)
            self._waiting.append(job)
            self._wake.notify()

    def withdraw(self, job: Job) -> bool:
        """Cancel a job that is not wanted any more; False when it is under way already."""
        with self._wake:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
        job.future.cancel()
        return True

    def hurry(self, job: Job, urgency: Urgency) -> None:
        """Somebody waits for this job now."""
        with self._wake:
            job.urgency = max(job.urgency, urgency)

    def close(self) -> None:
        """End the threads; jobs that wait fail."""
        with self._wake:
            self._closed = True
            left, self._waiting = self._waiting, []
            self._wake.notify_all()
        for job in left:
            job.future.set_exception(Unavailable("the model is being unloaded"))
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while batch := self._take():
            self._serve(batch)

    def _serve(self, batch: list[Job]) -> None:
        breathers = {Urgency.PARTIAL: self._pressed, Urgency.PART: self._let_pass}
        given_up = breathers.get(batch[0].urgency, lambda: False)
        try:
            heard = self._understand([job.window for job in batch], given_up)
        except Exception as error:  # noqa: BLE001  (root of a thread: who waits must hear of it)
            for job in batch:
                job.future.set_exception(error)
            return
        now = time.monotonic()
        for index, job in enumerate(batch):
            job.ended = now
            job.future.set_result(Heard() if heard is None else heard[index])

    def _pressed(self) -> bool:
        """A turn waits: a partial transcript half done is not worth its delay."""
        with self._wake:
            return any(job.pressing for job in self._waiting)

    def _let_pass(self) -> bool:
        """Serve turns that wait in the middle of a recording, then go on with it."""
        while batch := self._take_pressing():
            self._serve(batch)
        return False

    def _take(self) -> list[Job]:
        """The next batch; empty when it is over."""
        with self._wake:
            while not self._waiting and not self._closed:
                self._wake.wait()
            return [] if self._closed else self._choose()

    def _take_pressing(self) -> list[Job]:
        with self._wake:
            pressing = any(job.pressing for job in self._waiting)
            return self._choose() if pressing and not self._closed else []

    def _choose(self) -> list[Job]:
        """Take the most urgent job and those that can be decoded with it; the lock is held."""
        first = max(self._waiting, key=lambda job: (job.urgency, -job.order))
        alike = [job for job in self._waiting if _together(first, job)]
        alike.sort(key=lambda job: (-job.urgency, job.order))
        share = min(math.ceil(len(alike) / self._parallel), self._largest)
        batch = alike[:share]
        for job in batch:
            self._waiting.remove(job)
            job.began = time.monotonic()
            job.future.set_running_or_notify_cancel()
        return batch


def _together(one: Job, other: Job) -> bool:
    same = one.urgency == other.urgency or (one.pressing and other.pressing)
    return same and _shape(one) == _shape(other)


def _shape(job: Job) -> tuple[int, bool]:
    """What has to be the same in a batch."""
    return job.window.frames, bool(job.window.prefix)
