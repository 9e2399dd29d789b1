"""The live utterances of one model instance: who is let in and who is decoded next.

Pure Python. Requests of one utterance are done in order; between utterances one whose END has
arrived goes first, then one with a FLUSH, then by turns plain audio and recordings that came whole.
"""

import math
import threading
import time
from collections.abc import Callable

from triton_backends.shared.decoding import Job, Sequence, decode
from triton_backends.shared.engine import AsrEngine, Speculative
from triton_backends.shared.errors import BackendError, Busy, InvalidArgument
from triton_backends.shared.fault_log import FaultLog, Origin, no_log
from triton_backends.shared.progress import Progress

REAP_INTERVAL_S = 1.0


class Sequences:
    """`submit` returns at once unless the engine is instant; workers of our own decode.

    `limit` utterances may be open at once, and one that is idle for `idle_s` is freed, because
    Triton forgets an idle sequence without a word. `count` hears +1 and -1 as they open and end,
    `progress` of every batch; `faults` is where an engine's exceptions are written.
    """

    def __init__(
        self,
        engine: AsrEngine,
        limit: int,
        idle_s: float,
        workers: int = 1,
        count: Callable[[int], None] = lambda _: None,
        progress: Progress | None = None,
        faults: FaultLog | None = None,
    ) -> None:
        self._engine = engine
        self._limit = limit
        self._idle_s = idle_s
        self._count = count
        self._progress = progress or Progress(math.inf)
        self._faults = faults or no_log()
        self._live: dict[int, Sequence] = {}
        self._open: set[Sequence] = set()
        self._ready: set[Sequence] = set()
        self._wake = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"decoder-{number}", daemon=True)
            for number in range(0 if engine.instant else workers)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Utterances that are open, those included whose final is still being computed."""
        return len(self._open)

    def submit(self, sequence_id: int, job: Job) -> None:
        """Take a request; an error is its answer."""
        try:
            with self._wake:
                sequence = self._find(sequence_id, job)
                sequence.queue(job)
                if job.end:
                    del self._live[sequence_id]
                if not sequence.busy:
                    self._wait(sequence)
                else:
                    _announce(sequence.utterance, job)
        except BackendError as error:
            job.reply.fail(error)
            return
        if not self._threads:
            while self._serve_ready():
                pass

    def close(self) -> None:
        """End the workers and free every utterance; open requests end without an answer."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()
        with self._wake:
            for sequence in list(self._open):
                self._drop(sequence)
            self._live.clear()

    def reap(self) -> None:
        """Free what has been idle too long."""
        deadline = time.monotonic() - self._idle_s
        with self._wake:
            for sequence_id, sequence in list(self._live.items()):
                if sequence.arrived < deadline and not sequence.jobs:
                    del self._live[sequence_id]
                    self._drop(sequence)

    def _find(self, sequence_id: int, job: Job) -> Sequence:
        if job.start:
            previous = self._live.pop(sequence_id, None)
            if previous is not None:
                self._drop(previous)
            self._admit(sequence_id, job.request.session)
        sequence = self._live.get(sequence_id)
        if sequence is None:
            raise InvalidArgument(f"sequence {sequence_id} was not started, or was idle too long")
        return sequence

    def _admit(self, sequence_id: int, session: str) -> None:
        if len(self._open) >= self._limit:
            self.reap()
        if len(self._open) >= self._limit:
            raise Busy(f"{self._limit} utterances are being recognised already")
        origin = Origin(f"sequence {sequence_id}", session)
        sequence = self._live[sequence_id] = Sequence(origin)
        self._open.add(sequence)
        self._count(1)

    def _drop(self, sequence: Sequence) -> None:
        sequence.dropped = True
        sequence.discard()
        if not sequence.busy:
            self._free(sequence)

    def _free(self, sequence: Sequence) -> None:
        self._ready.discard(sequence)
        self._open.discard(sequence)
        sequence.free()
        self._count(-1)

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._ready and not self._closed:
                    self._wake.wait(REAP_INTERVAL_S if self._live else None)
                    self.reap()
                if self._closed:
                    return
            self._serve_ready()

    def _serve_ready(self) -> bool:
        """Decode one batch of the utterance that is the most urgent; False if none waits."""
        with self._wake:
            if not self._ready:
                return False
            sequence = max(self._ready, key=lambda waiting: waiting.priority)
            self._ready.discard(sequence)
            sequence.busy = True
            batch = sequence.take()
        self._progress.begin()
        goes_on = decode(self._engine, sequence, batch, self._faults)
        if not goes_on or batch.ends:
            # Not under the lock: ending a search takes long enough to hold up `submit`.
            sequence.free()
        self._progress.end()
        with self._wake:
            sequence.busy = False
            if sequence.dropped:
                self._free(sequence)
            elif not goes_on or batch.ends:
                self._forget(sequence)
            elif sequence.jobs:
                self._wait(sequence)
        return True

    def _wait(self, sequence: Sequence) -> None:
        if sequence not in self._ready:
            sequence.ready = time.monotonic()
            self._ready.add(sequence)
        self._wake.notify()

    def _forget(self, sequence: Sequence) -> None:
        for sequence_id, live in list(self._live.items()):
            if live is sequence:
                del self._live[sequence_id]
        self._drop(sequence)


def _announce(utterance: object, job: Job) -> None:
    """Tell an utterance that is being decoded what waits behind it."""
    if isinstance(utterance, Speculative):
        utterance.foresee(job.request, end=job.end)
