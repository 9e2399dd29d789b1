"""One utterance: which steps its audio needs, and what is told of them.

A FLUSH or END pads a branch of the stream, reports, and throws the branch away: when the person
goes on, the stream goes on without the padding.
"""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE, AsrRequest
from triton_backends.shared.decode_queue import Urgency
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.flush_reuse import FlushReuse
from triton_backends.shared.hot_words import HotWords
from triton_backends.shared.levels import frame_levels
from triton_backends.shared.stepwise import Stepwise
from triton_backends.transducer.audio import Audio
from triton_backends.transducer.search import Frames
from triton_backends.transducer.states import State
from triton_backends.transducer.stream import Step, Stream

if TYPE_CHECKING:
    from triton_backends.transducer.engine import TransducerEngine

Steps = Generator[Step, tuple[Frames, State], Hypothesis | None]
Run = Stepwise[Step, tuple[Frames, State], Hypothesis | None]
Answer = Hypothesis | Future[Hypothesis | None]


class TransducerUtterance:
    """Used by one thread at a time, but for `queued_behind`; nothing here waits."""

    def __init__(self, engine: "TransducerEngine", language: str, words: HotWords | None) -> None:
        self._engine = engine
        self._audio = Audio()
        self._stream = Stream(engine.model, self._audio, language, words, strict=engine.strict)
        self._reuse = FlushReuse()
        self._speech_end = 0
        self._settled = engine.transcript()
        """Of the tokens that will not change any more."""
        self._written = 0
        """How many they are."""
        self._shown = Hypothesis()
        """The last partial."""
        self._run: Run | None = None
        self._abandoned = False

    def accept(self, pcm: NDArray[np.int16]) -> Future[Hypothesis | None] | None:
        """Keep the audio; where it fills a window, a future of the partial if that is new."""
        self._note_speech(pcm)
        self._reuse.hear(pcm)
        self._audio.append(pcm)
        if not self._stream.ready():
            return None
        return self._begin(self._partial, Urgency.AUDIO)

    def flush(self) -> Answer:
        """Everything said so far, with silence after it; audio may follow as if it had not been."""
        kept = self._reuse.answer()
        if kept is not None:
            return kept
        self._abandoned = False
        return self._begin(self._flushed, Urgency.SPECULATIVE)

    def finish(self) -> Answer:
        """The last FLUSH's transcript if only quiet followed it, else a new one."""
        kept = self._reuse.final()
        if kept is not None:
            return kept
        self._abandoned = False
        return self._begin(self._final, Urgency.FINAL)

    def queued_behind(self, request: AsrRequest, *, end: bool) -> None:
        """Speech or CANCEL behind a FLUSH makes its padded steps useless; END makes it a final."""
        if request.cancel or self._reuse.is_speech(request.audio):
            self._abandoned = True
        elif end and (run := self._run) is not None:
            run.raise_urgency(Urgency.FINAL)

    def close(self) -> None:
        """Nothing more is computed for it."""
        self._abandoned = True

    def _note_speech(self, pcm: NDArray[np.int16]) -> None:
        """Remember where the last frame ends that is louder than quiet."""
        levels = frame_levels(pcm)
        loud = np.flatnonzero(levels >= self._reuse.quiet_limit)
        if loud.size:
            self._speech_end = self._audio.samples + int(loud[-1] + 1) * ASR_FRAME

    def _begin(self, steps: Callable[[], Steps], urgency: Urgency) -> Future[Hypothesis | None]:
        """Run the steps once those of the audio before them are done."""
        before = self._run
        run: Run = Stepwise(
            _after(before, steps), self._engine.scheduler, urgency, self._engine.batch_key
        )
        self._run = run
        if before is None or before.answer.done():
            run.start()
        else:
            before.raise_urgency(urgency)
            before.answer.add_done_callback(lambda _: run.start())
        return run.answer

    def _catch_up(self) -> Steps:
        """Every whole window of the audio."""
        while self._stream.ready():
            frames, state = yield self._stream.next_step()
            self._stream.take(frames, state)
            self._stream.forget_audio()
        return None

    def _partial(self) -> Steps:
        yield from self._catch_up()
        shown = self._hypothesis(self._stream, self._stream.heard_samples)
        changed = shown.text != self._shown.text
        self._shown = shown
        return shown if changed else None

    def _padded(self) -> Generator[Step, tuple[Frames, State], Stream | None]:
        """A branch that has heard all of the audio; None where it is no longer wanted."""
        yield from self._catch_up()
        branch = self._stream.branch()
        for _ in range(branch.steps_to_hear(self._speech_end)):
            if self._abandoned:
                return None
            frames, state = yield branch.next_step()
            branch.take(frames, state)
        return branch

    def _flushed(self) -> Steps:
        samples = self._audio.samples
        branch = yield from self._padded()
        if branch is None:
            self._reuse.forget()
            return self._shown
        told = self._hypothesis(branch, samples)
        self._reuse.keep(told)
        return told

    def _final(self) -> Steps:
        branch = yield from self._padded()
        if branch is None:
            return Hypothesis()
        told = self._hypothesis(branch, self._audio.samples)
        return replace(told, stable=len(told.text))

    def _hypothesis(self, stream: Stream, samples: int) -> Hypothesis:
        """What a stream or a branch says; stable is what does not change without padding."""
        self._settled.add(self._stream.settled[self._written :])
        self._written = len(self._stream.settled)
        whole = self._settled.followed_by(stream.emissions[self._written :])
        return whole.hypothesis(len(self._settled.text), samples * 1000 // ASR_RATE)


def _after(before: Run | None, steps: Callable[[], Steps]) -> Steps:
    """What the run before raised, or the steps."""
    if before is not None:
        before.answer.result()
    return (yield from steps())
