"""Whether an engine makes progress with the work it has: what a probe is answered with."""

import threading
import time
from collections.abc import Callable

from triton_backends.shared.errors import Unavailable


class Progress:
    """Counts the jobs under way and remembers when one of them last advanced; any thread."""

    def __init__(self, limit_s: float, rest: Callable[[], None] = lambda: None) -> None:
        """`limit_s`: seconds without any advance after which the engine counts as stuck.

        `rest` is called whenever the last job has ended, by one thread at a time.
        """
        self._limit_s = limit_s
        self._rest = rest
        self._resting = threading.Lock()
        self._jobs = 0
        self._advanced = time.monotonic()
        self._lock = threading.Lock()

    def begin(self) -> None:
        """A job begins."""
        with self._lock:
            if not self._jobs:
                self._advanced = time.monotonic()
            self._jobs += 1

    def advance(self) -> None:
        """A job has done a part of its work."""
        self._advanced = time.monotonic()

    def end(self) -> None:
        """A job has ended, with or without an error."""
        with self._lock:
            self._jobs -= 1
            self._advanced = time.monotonic()
            idle = not self._jobs
        if idle and self._resting.acquire(blocking=False):
            try:
                self._rest()
            finally:
                self._resting.release()

    def check(self) -> None:
        """Raises Unavailable when there are jobs and none has advanced within the limit."""
        with self._lock:
            jobs, since_s = self._jobs, time.monotonic() - self._advanced
        if jobs and since_s > self._limit_s:
            raise Unavailable(f"stuck: none of {jobs} jobs under way advanced for {since_s:.1f} s")
