"""One utterance inside a backend: its queued requests and how a batch of them is decoded."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import AsrEngine, Hypothesis, Utterance
from triton_backends.shared.errors import BackendError, Busy, Internal

PARTIAL, SPECULATIVE, FINAL = 0, 1, 2

MAX_QUEUED_SAMPLES = 120 * ASR_RATE
MAX_QUEUED_JOBS = 4096
# Decoded in one go at most, so that another utterance's END does not wait long.
MAX_BATCH_SAMPLES = ASR_RATE // 4


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


@dataclass(eq=False, slots=True)
class Sequence:
    """The queue is guarded by its owner's lock; the utterance belongs to who set `busy`."""

    jobs: deque[Job] = field(default_factory=deque)
    utterance: Utterance | None = None
    queued_samples: int = 0
    arrived: float = field(default_factory=time.monotonic)
    busy: bool = False
    dropped: bool = False

    @property
    def priority(self) -> int:
        return max(job.priority for job in self.jobs)

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
        self.arrived = time.monotonic()

    def take(self) -> list[Job]:
        """The next requests to decode as one: plain audio, up to the first that wants an answer."""
        batch: list[Job] = []
        samples = 0
        while self.jobs and samples < MAX_BATCH_SAMPLES:
            job = self.jobs.popleft()
            batch.append(job)
            samples += job.request.audio.size
            if job.priority:
                break
        self.queued_samples -= samples
        return batch

    def discard(self) -> None:
        """End what waits without an answer."""
        while self.jobs:
            self.jobs.popleft().reply.nothing()
        self.queued_samples = 0

    def free(self) -> None:
        if self.utterance is not None:
            self.utterance.close()
            self.utterance = None


def decode(engine: AsrEngine, sequence: Sequence, batch: list[Job]) -> bool:
    """Decode a batch and end every request of it; False when the utterance cannot go on."""
    *earlier, last = batch
    for job in earlier:
        job.reply.nothing()
    try:
        _answer(engine, sequence, batch, last)
    except BackendError as error:
        last.reply.fail(error)
        return False
    except Exception as error:  # noqa: BLE001  (root of a worker: the client must hear of it)
        last.reply.fail(Internal(f"{type(error).__name__}: {error}"))
        return False
    return True


def _answer(engine: AsrEngine, sequence: Sequence, batch: list[Job], last: Job) -> None:
    if last.request.cancel:
        last.reply.answer(Hypothesis(), FINAL)
        return
    if sequence.utterance is None:
        sequence.utterance = engine.start(batch[0].request)
    pieces = [job.request.audio for job in batch if job.request.audio.size]
    partial = None
    if pieces:
        audio = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        partial = sequence.utterance.accept(audio)
    if last.end:
        last.reply.answer(sequence.utterance.finish(), FINAL)
    elif last.request.flush:
        last.reply.answer(sequence.utterance.flush(), SPECULATIVE)
    elif partial is not None:
        last.reply.answer(partial, PARTIAL)
    else:
        last.reply.nothing()
