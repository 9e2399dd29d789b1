"""One utterance: which steps its audio needs, and what is told of them.

A FLUSH or END pads a branch of the stream, reports, and throws the branch away: when the person
goes on, the stream goes on without the padding.
"""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
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
from triton_backends.transducer.stream_cache import CachedStream, unreported

if TYPE_CHECKING:
    from triton_backends.transducer.engine import TransducerEngine

Steps = Generator[Step, tuple[Frames, State], Hypothesis | None]
Run = Stepwise[Step, tuple[Frames, State], Hypothesis | None]
Answer = Hypothesis | Future[Hypothesis | None]


class TransducerUtterance:
    """Used by one thread at a time, but for `queued_behind`; nothing here waits."""

    def __init__(
        self,
        engine: "TransducerEngine",
        language: str,
        words: HotWords | None,
        cached: CachedStream | None = None,
        put: Callable[[CachedStream], object] | None = None,
    ) -> None:
        """Goes on with what was `cached`; `put` takes what the next utterance goes on with."""
        self._engine = engine
        self._cached, self._put = cached, put
        self._begins = 0
        """The sample of the stream that it begins with."""
        self._reported_before: list[int] = []
        """Tokens that the utterance before has told already, see `unreported`."""
        self._ahead: list[int] = []
        """Tokens that a FLUSH has told and the stream has not come to."""
        self._audio = Audio()
        self._stream = Stream(engine.model, self._audio, language, words, strict=engine.strict)
        self._reuse = FlushReuse()
        self._speech_end = 0
        self._settled = engine.transcript()
        """Of the tokens that will not change any more."""
        self._shown = Hypothesis()
        """The last partial."""
        self._run: Run | None = None
        self._next = CachedStream()
        self._abandoned = False

    def accept(self, pcm: NDArray[np.int16]) -> Future[Hypothesis | None] | None:
        """Keep the audio; where it fills a window, a future of the partial if that is new."""
        self._note_speech(pcm)
        self._reuse.hear(pcm)
        self._audio.append(pcm)
        if self._cached is None and not self._stream.ready():
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
        answer: Answer | None = self._reuse.final()
        if answer is None:
            self._abandoned = False
            answer = self._begin(self._final, Urgency.FINAL)
        elif self._put is not None:
            self._begin(self._handed_on, Urgency.FINAL)
        if self._put is not None:
            self._next.run = self._run
            self._put(self._next)
        return answer

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
        before, whole = self._run, steps
        if before is None and self._cached is not None:
            before = self._cached.run
        elif before is not None:
            whole = partial(_after, before, steps)
        run: Run = Stepwise(whole(), self._engine.scheduler, urgency, self._engine.batch_key)
        self._run = run
        if before is None or before.answer.done():
            run.start()
        else:
            before.raise_urgency(urgency)
            before.answer.add_done_callback(lambda _: run.start())
        return run.answer

    def _catch_up(self) -> Steps:
        """Every whole window of the audio; what it settles is written."""
        self._continue_cached()
        while self._stream.ready():
            if self._stream.listens():
                frames, state = yield self._stream.next_step()
                self._stream.take(frames, state)
            self._stream.forget_audio()
        settled = self._stream.hand_over()
        unreported(settled, self._ahead)
        self._settled.add(unreported(settled, self._reported_before))
        return None

    def _continue_cached(self) -> None:
        """Go on with the stream of the utterance before, which has ended by now."""
        cached, self._cached = self._cached, None
        if cached is None or cached.stream is None:
            return
        own, self._stream = self._audio, cached.stream
        self._audio = self._stream.audio
        self._begins = self._audio.samples
        self._audio.append(own.piece(0, own.samples))
        self._speech_end += self._begins
        self._settled = self._engine.transcript(self._begins)
        self._reported_before = cached.reported

    def _partial(self) -> Steps:
        yield from self._catch_up()
        shown = self._hypothesis(self._stream, max(self._stream.heard_samples, self._begins))
        changed = shown.text != self._shown.text
        self._shown = shown
        return shown if changed else None

    def _padded(self) -> Generator[Step, tuple[Frames, State], Stream | None]:
        """A branch that has heard all of the audio; None where it is no longer wanted."""
        yield from self._catch_up()
        branch = self._stream.branch()
        if branch.is_silent and not branch.listens():
            return branch
        for _ in range(branch.steps_to_hear(self._speech_end)):
            if self._abandoned:
                return None
            frames, state = yield branch.next_step()
            branch.take(frames, state)
        return branch

    def _flushed(self) -> Steps:
        self._continue_cached()
        samples = self._audio.samples
        branch = yield from self._padded()
        if branch is None:
            self._reuse.forget()
            return self._shown
        told = self._hypothesis(branch, samples)
        self._ahead = [emission.token for emission in branch.emissions]
        self._reuse.keep(told)
        return told

    def _final(self) -> Steps:
        branch = yield from self._padded()
        if branch is None:
            return Hypothesis()
        self._ahead = [emission.token for emission in branch.emissions]
        self._hand_on()
        told = self._hypothesis(branch, self._audio.samples)
        return replace(told, stable=len(told.text))

    def _handed_on(self) -> Steps:
        """After the last FLUSH was the final transcript: the quiet behind it is heard."""
        yield from self._catch_up()
        self._hand_on()
        return None

    def _hand_on(self) -> None:
        self._next.stream, self._next.reported = self._stream.left(), self._ahead

    def _hypothesis(self, stream: Stream, samples: int) -> Hypothesis:
        """What a stream or a branch says; stable is what does not change without padding."""
        whole = self._settled.followed_by(unreported(stream.emissions, list(self._reported_before)))
        audio_ms = (samples - self._begins) * 1000 // ASR_RATE
        return whole.hypothesis(len(self._settled.text), audio_ms)


def _after(before: Run, steps: Callable[[], Steps]) -> Steps:
    """What the run before raised, or the steps."""
    before.answer.result()
    return (yield from steps())
