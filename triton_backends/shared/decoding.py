"""One utterance inside a backend: its queued requests, and how a batch of them is decoded."""

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE, AsrRequest
from triton_backends.shared.decode_queue import Urgency, Work
from triton_backends.shared.engine import AsrEngine, Hypothesis, Utterance
from triton_backends.shared.errors import BackendError, Busy
from triton_backends.shared.fault_log import FaultLog, Origin

PARTIAL, SPECULATIVE, FINAL = 0, 1, 2

MAX_QUEUED_SAMPLES = 120 * ASR_RATE
MAX_QUEUED_JOBS = 4096
MAX_BATCH_SAMPLES = 12 * ASR_FRAME
"""Decoded at once at most, so that another utterance's END does not wait long; whole frames."""
RECORDING_SAMPLES = 2 * ASR_RATE
"""A request with so much audio is a recording: its FLUSH and END are not urgent."""


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
    def urgency(self) -> Urgency:
        if self.end:
            return Urgency.FINAL
        return Urgency.SPECULATIVE if self.request.flush else Urgency.AUDIO

    @property
    def state(self) -> int:
        """STATE of the answer."""
        if self.end:
            return FINAL
        return SPECULATIVE if self.request.flush else PARTIAL


@dataclass(frozen=True, slots=True)
class Batch:
    """What is decoded at once: audio, and the requests whose audio ends with it.

    `request` is the one it begins in. `done` is empty where that one is longer than a batch.
    """

    request: AsrRequest
    audio: NDArray[np.int16]
    done: list[Job]


@dataclass(eq=False, slots=True)
class Sequence:
    """One utterance. All fields are guarded by the lock of `Sequences`, but for two.

    `utterance` and `partial`, a partial transcript that was not sent yet, belong to the thread that
    decodes, which has set `busy`. `work` waits in the scheduler; `decoded` is how many samples of
    the first request are decoded; `arrived` is in seconds of `time.monotonic`.
    """

    origin: Origin
    jobs: deque[Job] = field(default_factory=deque)
    work: "Work[Sequence, None] | None" = None
    utterance: Utterance | None = None
    queued_samples: int = 0
    recording: bool = False
    decoded: int = 0
    partial: Hypothesis | None = None
    arrived: float = field(default_factory=time.monotonic)
    busy: bool = False
    dropped: bool = False
    failure: BackendError | None = None

    @property
    def urgency(self) -> Urgency:
        return Urgency.AUDIO if self.recording else max(job.urgency for job in self.jobs)

    def queue(self, job: Job) -> None:
        """Append a request; raises Busy when too much is waiting."""
        size = job.request.audio.size
        if job.request.cancel:
            self.discard()
        elif self.queued_samples + size > MAX_QUEUED_SAMPLES or len(self.jobs) >= MAX_QUEUED_JOBS:
            raise Busy("more than 120 s of audio wait to be recognised; send it more slowly")
        self.jobs.append(job)
        self.queued_samples += size
        self.recording = self.recording or size >= RECORDING_SAMPLES
        self.arrived = time.monotonic()

    def take(self, most: int) -> Batch:
        """Remove up to `most` samples to decode at once, up to the first FLUSH or END."""
        request, done = self.jobs[0].request, list[Job]()
        pieces, room = list[NDArray[np.int16]](), most
        while self.jobs and room > 0:
            job = self.jobs[0]
            pieces.append(job.request.audio[self.decoded : self.decoded + room])
            room -= pieces[-1].size
            self.decoded += pieces[-1].size
            if self.decoded < job.request.audio.size:
                break
            done.append(self.jobs.popleft())
            self.decoded = 0
            if job.state != PARTIAL:
                break
        self.queued_samples -= most - room
        return Batch(request, np.concatenate(pieces), done)

    def discard(self) -> None:
        """End the requests that wait, without an answer.

        One that was partly decoded when the engine failed is answered with that failure.
        """
        if self.failure is not None and self.decoded:
            self.jobs.popleft().reply.fail(self.failure)
        while self.jobs:
            self.jobs.popleft().reply.nothing()
        self.queued_samples = self.decoded = 0

    def free(self) -> None:
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


def decode(engine: AsrEngine, sequence: Sequence, batch: Batch) -> Future[Hypothesis | None]:
    """Give a batch to the engine; the future ends with the answer to the batch's last request.

    None where it is answered without a transcript. Never raises: what the engine raises becomes the
    future's exception.
    """
    for job in batch.done[:-1]:
        job.reply.nothing()
    answer: Future[Hypothesis | None] = Future()
    try:
        found = _call_engine(engine, sequence, batch)
    except Exception as error:  # noqa: BLE001  (root of a worker: the client must hear of it)
        answer.set_exception(error)
        return answer
    if isinstance(found, Future):
        return found
    answer.set_result(found)
    return answer


def reply(
    sequence: Sequence, batch: Batch, answer: Future[Hypothesis | None], faults: FaultLog
) -> bool:
    """End the batch's last request with what `decode` came to; False when the utterance is over."""
    last = batch.done[-1] if batch.done else None
    try:
        hypothesis = answer.result()
        if last is None:
            return True
        if hypothesis is None:
            last.reply.nothing()
        else:
            last.reply.answer(hypothesis, last.state)
    except Exception as error:  # noqa: BLE001  (root of a worker: the client must hear of it)
        told = faults.answer(error, sequence.origin)
        if last is None:
            sequence.failure = told
        else:
            last.reply.fail(told)
        return False
    return not last.end


def _call_engine(
    engine: AsrEngine, sequence: Sequence, batch: Batch
) -> Hypothesis | Future[Hypothesis | None] | None:
    last = batch.done[-1] if batch.done else None
    if last is not None and last.request.cancel:
        return Hypothesis()
    if sequence.utterance is None:
        sequence.utterance = engine.start(batch.request)
    if batch.audio.size:
        heard = sequence.utterance.accept(batch.audio)
        if not isinstance(heard, Future):
            sequence.partial = heard or sequence.partial
        elif last is None or last.state == PARTIAL:
            return heard
    if last is None:
        return None
    partial, sequence.partial = sequence.partial, None
    if last.end:
        return sequence.utterance.finish()
    if last.request.flush:
        return sequence.utterance.flush()
    return partial
