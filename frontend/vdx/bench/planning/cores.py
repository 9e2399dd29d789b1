"""Cores, or GPUs, that jobs share evenly: processor sharing, as small slices come to.

Kleinrock, Queueing Systems II (1976), 4.4. A job runs on one of them at most, so `n` jobs on `c`
of them get min(1, c / n) each. What runs all the time and in pieces too short to queue behind, such
as frames of audio, takes its share off before (`taken`).
"""

import heapq

import simpy

LEAST = 1e-9
"""Seconds of work that count as none: what rounding leaves over, on a clock of many hours."""


class SharedCores:
    """`count` cores of a simulation, of which `taken` are busy otherwise."""

    def __init__(self, env: simpy.Environment, count: float, taken: float = 0.0) -> None:
        """Raises ValueError where nothing is left for jobs."""
        if taken >= count:
            raise ValueError(f"{taken:.2f} of {count:g} cores are taken")
        self._env = env
        self._free = count - taken
        self._jobs: list[tuple[float, int, simpy.Event]] = []
        """A heap of what each job will have had at its end, as `_had` counts it."""
        self._had = 0.0
        """Seconds that a job would have had that is here since the begin."""
        self._seen = env.now
        self._version = 0
        self.busy = 0.0
        """Core-seconds that jobs have had."""

    def work(self, seconds: float) -> simpy.Event:
        """An event of the end of so many seconds of work on one core."""
        self._advance()
        done = self._env.event()
        # All jobs get the same, so that their order never changes: a heap, however many there are.
        heapq.heappush(self._jobs, (self._had + seconds, self._version, done))
        self._await_next()
        return done

    def _rate(self) -> float:
        return min(1.0, self._free / len(self._jobs)) if self._jobs else 0.0

    def _advance(self) -> None:
        """Counts what every job has had since the last look."""
        had = (self._env.now - self._seen) * self._rate()
        self._seen = self._env.now
        self._had += had
        self.busy += had * len(self._jobs)

    def _await_next(self) -> None:
        """Looks again when the next job ends, unless another one comes before."""
        self._version += 1
        version, left = self._version, max(0.0, self._jobs[0][0] - self._had)
        wake = self._env.timeout(left / self._rate())
        wake.callbacks.append(lambda _: self._ended(version))

    def _ended(self, version: int) -> None:
        if version != self._version:
            return
        self._advance()
        while self._jobs and self._jobs[0][0] - self._had <= LEAST:
            heapq.heappop(self._jobs)[2].succeed()
        if self._jobs:
            self._await_next()
