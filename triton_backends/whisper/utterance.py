"""One utterance: when it is decoded, and what its transcripts are made of."""

import time
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.decode_queue import Urgency
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.shared.flush_reuse import FlushReuse
from triton_backends.shared.futures import combine
from triton_backends.whisper.hallucination_filters import has_no_speech
from triton_backends.whisper.partials import AgreedWords, PartialPacing
from triton_backends.whisper.segments import (
    Segments,
    WindowWork,
    cut_position,
    joined_words,
    mean_confidence,
)
from triton_backends.whisper.windows import TimedWord, WindowTranscript

if TYPE_CHECKING:
    from triton_backends.whisper.engine import WhisperEngine

SHORTEST = ASR_RATE // 10
"""Samples; less audio is not decoded."""
SETTLED = 0.9
"""A language that is so probable is not detected again in the same utterance."""
RECORDING_S = 4
"""Audio that may come at once without being a recording, as the start of an utterance does."""

Answer = Hypothesis | Future[Hypothesis | None]


class WhisperUtterance:
    """Used by one thread at a time, but for `queued_behind`.

    Nothing here waits: `flush` and `finish` give futures, which end in a thread of the scheduler.
    """

    def __init__(
        self,
        engine: "WhisperEngine",
        language: str,
        prompt: tuple[int, ...] = (),
        *,
        translate: bool = False,
    ) -> None:
        self._engine = engine
        self._scheduler = engine.scheduler
        self._language = language
        self._language_probability = 1.0
        """That of `_language`, where that was named or is settled."""
        self._prompt = prompt
        self._translate = translate
        self._pieces: list[NDArray[np.int16]] = []
        self._samples = 0
        """Of what was not cut off into segments."""
        self._segments = Segments(engine.scheduler)
        self._agreed = AgreedWords()
        self._pacing = PartialPacing(engine.options.partial_ms, engine.options.first_partial_ms)
        self._partial: WindowWork | None = None
        self._current: WindowWork | None = None
        """What a FLUSH or END under way waits for."""
        self._reuse = FlushReuse()
        self._shown = Hypothesis()
        """The last partial."""
        self._began = time.monotonic()

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        """Keep the audio; returns the partial transcript that became ready meanwhile, if any."""
        self._reuse.hear(pcm)
        self._pieces.append(pcm)
        self._samples += pcm.size
        while self._samples > self._engine.longest_samples:
            self._cut_segment()
        shown = self._ready_partial()
        self._start_partial()
        return shown

    def flush(self) -> Answer:
        """Decodes everything; the last partial where speech goes on before that has begun."""
        kept = self._reuse.answer()
        if kept is not None:
            return kept
        return self._transcribe(Urgency.SPECULATIVE)

    def finish(self) -> Answer:
        """The last FLUSH's transcript if only quiet followed it, else a new one."""
        kept = self._reuse.final()
        if kept is not None:
            return kept
        return self._transcribe(Urgency.AUDIO if self._is_recording else Urgency.FINAL)

    def queued_behind(self, request: AsrRequest, *, end: bool) -> None:
        """Speech or CANCEL behind a FLUSH makes its decode useless; END makes it a final."""
        work = self._current
        if work is None:
            return
        if request.cancel or self._reuse.is_speech(request.audio):
            self._scheduler.withdraw(work)
        elif end:
            self._scheduler.raise_urgency(work, Urgency.FINAL)

    def close(self) -> None:
        """Withdraw what is still to be decoded."""
        self._drop_partial()
        self._segments.withdraw()
        self._pieces.clear()

    @property
    def _is_recording(self) -> bool:
        """It came faster than anybody speaks: nobody waits for the end of a turn."""
        heard_s = (self._segments.samples + self._samples) / ASR_RATE
        return heard_s > RECORDING_S + 2 * (time.monotonic() - self._began)

    @property
    def _audio(self) -> NDArray[np.int16]:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else np.zeros(0, np.int16)

    def _submit(
        self, audio: NDArray[np.int16], urgency: Urgency, prefix: tuple[TimedWord, ...]
    ) -> WindowWork:
        return self._engine.submit(
            audio, urgency, self._language, prefix, self._prompt, translate=self._translate
        )

    def _settle_language(self, said: WindowTranscript) -> None:
        """Later audio is taken to be of a language that was heard beyond doubt.

        One detected from the first second may be wrong: the next decode detects it anew.
        """
        if not self._language and said.language_probability >= SETTLED:
            self._language = said.language
            self._language_probability = said.language_probability

    # --- the whole ---------------------------------------------------------------------------

    def _transcribe(self, urgency: Urgency) -> Answer:
        """Decodes what was not cut off, and waits for the segments."""
        self._drop_partial()
        self._segments.raise_urgency(urgency)
        audio, prefix = self._audio, self._agreed.words
        if audio.size >= SHORTEST and audio.any():
            self._current = self._submit(audio, urgency, prefix)
        waited = [work.result for work in self._segments.waiting]
        if self._current is not None:
            waited.append(self._current.result)
        whole = combine(waited, lambda: self._transcribed(urgency))
        answer: Future[Hypothesis | None] = Future()
        whole.add_done_callback(lambda done: self._answered(urgency, done, answer))
        return answer

    def _transcribed(self, urgency: Urgency) -> Hypothesis:
        said = self._current.result.result() if self._current is not None else None
        said = said or WindowTranscript((), 0.0, self._language, self._language_probability)
        self._settle_language(said)
        speculative = urgency is Urgency.SPECULATIVE
        return self._hypothesis(said, len(self._agreed.words) if speculative else len(said.words))

    def _answered(
        self, urgency: Urgency, done: Future[Hypothesis], answer: Future[Hypothesis | None]
    ) -> None:
        """A FLUSH or END is decoded; its decode may also have been withdrawn, or have failed."""
        self._current = None
        speculative = urgency is Urgency.SPECULATIVE
        error = CancelledError() if done.cancelled() else done.exception()
        if error is None:
            if speculative:
                self._reuse.keep(done.result())
            answer.set_result(done.result())
        elif isinstance(error, CancelledError):
            self._reuse.forget()
            answer.set_result(self._shown if speculative else Hypothesis())
        else:
            answer.set_exception(error)

    def _hypothesis(
        self, said: WindowTranscript, agreed: int, samples: int | None = None
    ) -> Hypothesis:
        """The segments and what follows them as one; `agreed` words of the latter are stable."""
        before = self._segments.transcripts()
        cut_off = self._segments.samples
        found = [*before, said.later(cut_off * 1000 // ASR_RATE)]
        words = joined_words(found)
        stable = words[: len(words) - len(said.words) + agreed]
        size = self._samples if samples is None else samples
        language, probability = self._language_of(found)
        return Hypothesis(
            text=_text(words),
            stable=len(_text(stable)),
            audio_ms=(cut_off + size) * 1000 // ASR_RATE,
            confidence=mean_confidence(found),
            words=tuple(Word(word.text.strip(), word.start_ms, word.end_ms) for word in words),
            language=self._engine.recogniser.vocabulary.tag(language),
            language_probability=probability,
        )

    def _language_of(self, found: list[WindowTranscript]) -> tuple[str, float]:
        """The language of what was found, and its probability: that of the longest part."""
        if self._language:
            return self._language, self._language_probability
        longest = max(found, key=lambda said: len(said.words))
        return longest.language, longest.language_probability

    # --- partial transcripts -----------------------------------------------------------------

    def _start_partial(self) -> None:
        under_way = self._partial is not None or not self._segments.decoded
        if under_way or not self._pacing.due(self._samples) or self._reuse.answer() is not None:
            return
        self._pacing.asked(self._samples)
        audio = self._audio
        if not has_no_speech(audio) and self._engine.partial_costs.affordable():
            self._partial = self._submit(audio, Urgency.PARTIAL, self._agreed.words)

    def _ready_partial(self) -> Hypothesis | None:
        """The partial that is ready, if it says anything new; raises what its decode raised."""
        work = self._partial
        if work is None or not work.result.done():
            return None
        self._partial = None
        said = work.result.result()
        took_s = work.finished_at - work.started_at
        self._engine.partial_costs.add(took_s)
        self._pacing.took(took_s)
        if said is None or not said.words:
            return None
        samples = work.item.pcm.size
        self._agreed.add(said.words, samples)
        self._settle_language(said)
        shown = self._hypothesis(said, len(self._agreed.words), samples)
        changed = (shown.text, shown.stable) != (self._shown.text, self._shown.stable)
        self._shown = shown
        return shown if changed else None

    def _drop_partial(self) -> None:
        if self._partial is not None:
            self._scheduler.withdraw(self._partial)
            self._partial = None

    # --- utterances longer than a window -----------------------------------------------------

    def _cut_segment(self) -> None:
        """Cut off what lies before the longest pause of the second half, and decode it."""
        self._drop_partial()
        audio = self._audio
        at = cut_position(audio[: self._engine.longest_samples])
        prefix = self._agreed.cut(at * 1000 // ASR_RATE)
        work = None
        if audio[:at].any():
            work = self._submit(audio[:at].copy(), Urgency.AUDIO, prefix)
        self._segments.append(at, work)
        self._pieces = [audio[at:].copy()]
        self._samples -= at
        self._pacing.restart()
        self._reuse.forget()


def _text(words: list[TimedWord]) -> str:
    return "".join(word.text for word in words).strip()
