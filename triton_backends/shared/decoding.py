"""One utterance inside a backend: its queued requests and how a batch of them is decoded."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE, AsrRequest
from triton_backends.shared.engine import AsrEngine, Hypothesis, Utterance
from triton_backends.shared.errors import BackendError, Busy
from triton_backends.shared.fault_log import FaultLog, Origin

PARTIAL, SPECULATIVE, FINAL = 0, 1, 2

MAX_QUEUED_SAMPLES = 120 * ASR_RATE
MAX_QUEUED_JOBS = 4096
# Decoded in one go at most, so that another utterance's END does not wait long; whole frames.
MAX_BATCH_SAMPLES = 12 * ASR_FRAME
# A request of this much is a recording that came whole: who is talking does not wait for its end.
RECORDING_SAMPLES = 2 * ASR_RATE


class Reply(Protocol):
    """One open request; exactly one of the three ends it."""

    def answer(self, hypothesis: Hypothesis, state: int) -> None: ...

    def fail(self, error: BackendError) -> None: ...

    def nothing(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a sequence."""

    request: AsrRequest
    reply: Reply
    start: bool = False
    end: bool = False

    @property
    def priority(self) -> int:
        """Finals before speculative decodes before partials."""
        return 2 if self.end else int(self.request.flush)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is decoded in one go: audio, and the requests whose audio ends with it.

    `request` is the one it begins in. `done` is empty where that one is longer than a batch.
    """

    request: AsrRequest
    audio: NDArray[np.int16]
    done: list[Job]

    @property
    def ends(self) -> bool:
        """The utterance is over."""
        return bool(self.done) and self.done[-1].end


@dataclass(eq=False, slots=True)
class Sequence:
    """The queue is guarded by its owner's lock; the utterance belongs to who set `busy`.

    `ready` is since when it waits for its turn, in seconds of `time.monotonic`; `read` how much of
    the first request is decoded, `partial` what has not been told of it.
    """

    origin: Origin
    jobs: deque[Job] = field(default_factory=deque)
    utterance: Utterance | None = None
    queued_samples: int = 0
    recording: bool = False
    ready: float = 0.0
    read: int = 0
    partial: Hypothesis | None = None
    arrived: float = field(default_factory=time.monotonic)
    busy: bool = False
    dropped: bool = False
    failure: BackendError | None = None

    @property
    def priority(self) -> tuple[int, float]:
        """Greater is sooner; of two that are wanted alike the one that has waited longer."""
        wanted = 0 if self.recording else max(job.priority for job in self.jobs)
        return wanted, -self.ready

    def queue(self, job: Job) -> None:
        """Append a request; raises Busy when too much is waiting."""
        size = job.request.audio.size
        if job.request.cancel:
            # What waits belongs to an utterance that nobody wants any more.
            self.discard()
        elif self.queued_samples + size > MAX_QUEUED_SAMPLES or len(self.jobs) >= MAX_QUEUED_JOBS:
            raise Busy("more than 120 s of audio wait to be recognised; send it more slowly")
        self.jobs.append(job)
        self.queued_samples += size
        self.recording = self.recording or size >= RECORDING_SAMPLES
        self.arrived = time.monotonic()

    def take(self) -> Batch:
        """The next audio to decode as one, up to the first request that wants an answer."""
        request, done = self.jobs[0].request, list[Job]()
        pieces, room = list[NDArray[np.int16]](), MAX_BATCH_SAMPLES
        while self.jobs and room > 0:
            job = self.jobs[0]
            pieces.append(job.request.audio[self.read : self.read + room])
            room -= pieces[-1].size
            self.read += pieces[-1].size
            if self.read < job.request.audio.size:
                break
            done.append(self.jobs.popleft())
            self.read = 0
            if job.priority:
                break
        self.queued_samples -= MAX_BATCH_SAMPLES - room
        return Batch(request, np.concatenate(pieces), done)

    def discard(self) -> None:
        """End what waits: the request that was under way with its failure, all else in silence."""
        if self.failure is not None and self.read:
            self.jobs.popleft().reply.fail(self.failure)
        while self.jobs:
            self.jobs.popleft().reply.nothing()
        self.queued_samples = self.read = 0

    def free(self) -> None:
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


def decode(engine: AsrEngine, sequence: Sequence, batch: Batch, faults: FaultLog) -> bool:
    """Decode a batch and end its requests; False when the utterance cannot go on."""
    for job in batch.done[:-1]:
        job.reply.nothing()
    try:
        _answer(engine, sequence, batch)
    except Exception as error:  # noqa: BLE001  (root of a worker: the client must hear of it)
        _fail(sequence, batch, faults.answer(error, sequence.origin))
        return False
    return True


def _fail(sequence: Sequence, batch: Batch, error: BackendError) -> None:
    if batch.done:
        batch.done[-1].reply.fail(error)
    else:
        sequence.failure = error


def _answer(engine: AsrEngine, sequence: Sequence, batch: Batch) -> None:
    last = batch.done[-1] if batch.done else None
    if last is not None and last.request.cancel:
        last.reply.answer(Hypothesis(), FINAL)
        return
    if sequence.utterance is None:
        sequence.utterance = engine.start(batch.request)
    if batch.audio.size:
        sequence.partial = sequence.utterance.accept(batch.audio) or sequence.partial
    if last is None:
        return
    partial, sequence.partial = sequence.partial, None
    if last.end:
        last.reply.answer(sequence.utterance.finish(), FINAL)
    elif last.request.flush:
        last.reply.answer(sequence.utterance.flush(), SPECULATIVE)
    elif partial is not None:
        last.reply.answer(partial, PARTIAL)
    else:
        last.reply.nothing()
