"""The open utterances of one model instance: which are admitted, and how each is worked through.

Requests of one utterance are decoded in order, one batch at a time; whose batch is next is decided
by the scheduler (decode_queue.py).
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from triton_backends.shared.decode_queue import Work
from triton_backends.shared.decoding import (
    MAX_BATCH_SAMPLES,
    MAX_QUEUED_SAMPLES,
    Batch,
    Job,
    Sequence,
    decode,
    reply,
)
from triton_backends.shared.engine import AsrEngine, Hypothesis, SeesQueue, Utterance
from triton_backends.shared.errors import BackendError, Busy, InvalidArgument
from triton_backends.shared.fault_log import FaultLog, Origin, no_log
from triton_backends.shared.progress import Progress
from triton_backends.shared.scheduler import Scheduler, ShouldStop

REAP_INTERVAL_S = 1.0


class Sequences:
    """`submit` returns at once; `workers` threads decode, or with 0 the one that submits.

    `limit` utterances may be open at once, and one that is idle for `idle_s` is freed, because
    Triton forgets an idle sequence without telling the backend. `count` is called with +1 and -1 as
    they open and end; `progress` is told of every batch; `faults` writes an engine's exceptions.
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
        """By id: those whose END has not arrived."""
        self._open: set[Sequence] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._most_samples = MAX_BATCH_SAMPLES if workers else MAX_QUEUED_SAMPLES
        self._scheduler: Scheduler[Sequence, None] = Scheduler(self._decode, workers)
        self._reaper = threading.Thread(target=self._reap_regularly, name="idle", daemon=True)
        self._reaper.start()

    def __len__(self) -> int:
        """Utterances that are open, those included whose final is still being computed."""
        return len(self._open)

    def submit(self, sequence_id: int, job: Job) -> None:
        """Take a request; an error is its answer."""
        work: Work[Sequence, None] | None = None
        behind: Utterance | None = None
        try:
            with self._changed:
                sequence = self._find(sequence_id, job)
                sequence.queue(job)
                if job.end:
                    del self._live[sequence_id]
                if sequence.busy:
                    behind = sequence.utterance
                else:
                    work = self._wait(sequence)
        except BackendError as error:
            job.reply.fail(error)
            return
        if work is not None:
            self._scheduler.submit(work)
        else:
            _announce(behind, job)

    def close(self) -> None:
        """End the workers and free every utterance; requests that wait end without an answer."""
        self._scheduler.close()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            for sequence in list(self._open):
                self._drop(sequence)
            self._live.clear()
        self._reaper.join()

    def reap(self) -> None:
        """Free what has been idle too long."""
        deadline = time.monotonic() - self._idle_s
        with self._changed:
            for sequence_id, sequence in list(self._live.items()):
                if sequence.arrived < deadline and not sequence.jobs:
                    del self._live[sequence_id]
                    self._drop(sequence)

    def _reap_regularly(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(REAP_INTERVAL_S if self._live else None)
                self.reap()

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
        self._changed.notify()
        self._count(1)

    def _wait(self, sequence: Sequence) -> Work[Sequence, None] | None:
        """New work for the scheduler; None where it has some of this utterance, which is updated.

        The caller submits it once it has let go of the lock: without workers that decodes.
        """
        if sequence.work is not None:
            self._scheduler.raise_urgency(sequence.work, sequence.urgency)
            return None
        sequence.work = Work(sequence, sequence.urgency)
        return sequence.work

    def _decode(self, sequences: list[Sequence], _stop: ShouldStop) -> list[None]:
        """Decode the next batch of an utterance, all of which the scheduler has taken."""
        [sequence] = sequences
        with self._changed:
            sequence.work = None
            if sequence.dropped or not sequence.jobs:
                return [None]
            sequence.busy = True
            batch = sequence.take(self._most_samples)
        self._progress.begin()
        answer = decode(self._engine, sequence, batch)
        if answer.done():
            self._decoded(sequence, batch, answer)
        else:
            answer.add_done_callback(lambda done: self._decoded(sequence, batch, done))
        return [None]

    def _decoded(self, sequence: Sequence, batch: Batch, answer: Future[Hypothesis | None]) -> None:
        goes_on = reply(sequence, batch, answer, self._faults)
        if not goes_on:
            # Not under the lock: ending a search takes long enough to hold up `submit`.
            sequence.free()
        self._progress.end()
        work = None
        with self._changed:
            sequence.busy = False
            if sequence.dropped:
                self._free(sequence)
            elif not goes_on:
                self._forget(sequence)
            elif sequence.jobs:
                work = self._wait(sequence)
        if work is not None:
            self._scheduler.submit(work)

    def _drop(self, sequence: Sequence) -> None:
        sequence.dropped = True
        sequence.discard()
        if not sequence.busy:
            self._free(sequence)

    def _free(self, sequence: Sequence) -> None:
        self._open.discard(sequence)
        sequence.free()
        self._count(-1)

    def _forget(self, sequence: Sequence) -> None:
        for sequence_id, live in list(self._live.items()):
            if live is sequence:
                del self._live[sequence_id]
        self._drop(sequence)


def _announce(utterance: object, job: Job) -> None:
    """Tell an utterance that is being decoded what waits behind it."""
    if isinstance(utterance, SeesQueue):
        utterance.queued_behind(job.request, end=job.end)
