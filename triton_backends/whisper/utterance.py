"""One utterance: when it is decoded, what of it stands, and how a long one is parted."""

import itertools
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.whisper.hallucination_filters import has_no_speech
from triton_backends.whisper.levels import loudest, quietest
from triton_backends.whisper.recogniser import Heard, TimedWord, Window
from triton_backends.whisper.schedule import Job, Urgency

if TYPE_CHECKING:
    from triton_backends.whisper.engine import WhisperEngine

SHORTEST = ASR_RATE // 10
"""Less audio says nothing."""
# After a FLUSH a frame is quiet when its RMS is below this part of the utterance's loudest one.
QUIET_RATIO = 0.1
QUIET_RMS = 100.0
MAX_QUIET_MS = 600
UNSETTLED_MS = 600
"""Words that end so close to the end of a partial's audio may still change."""
PARTIAL_LOAD = 0.3
"""The part of the time that partials of one utterance may take."""
RECORDING_S = 4
"""Audio that may come at once, as the beginning of a live utterance does."""
SPARE_S = 2
"""Of a full window that is left empty; then the utterance is parted."""


@dataclass(slots=True)
class _Partial:
    job: Job


@dataclass(slots=True)
class _Part:
    """What was parted off a long utterance: its words once they are there."""

    start_ms: int
    job: Job | None = None

    @property
    def pending(self) -> bool:
        return self.job is not None and not self.job.future.done()

    def result(self) -> Heard:
        return Heard() if self.job is None else self.job.future.result()


class WhisperUtterance:
    """Used by one thread at a time, but for `foresee`."""

    def __init__(self, engine: "WhisperEngine", language: str) -> None:
        self._engine = engine
        self._language = language
        self._pieces: list[NDArray[np.int16]] = []
        self._tail = 0  # samples in `_pieces`: what is not parted off
        self._origin = 0  # samples parted off
        self._parts: list[_Part] = []
        self._agreed: tuple[TimedWord, ...] = ()
        self._last: tuple[TimedWord, ...] = ()
        self._partial: _Partial | None = None
        self._partial_at = 0
        self._began = self._asked = time.monotonic()
        self._partial_gap = engine.options.partial_ms * ASR_RATE // 1000
        self._current: Job | None = None
        self._flushed: Hypothesis | None = None
        self._shown = Hypothesis()
        self._loudest = self._loudest_since_flush = 0.0

    # --- the contract -----------------------------------------------------------------------

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        """Keep the audio; the partial transcript that became ready meanwhile, if there is one."""
        self._measure(pcm)
        self._pieces.append(pcm)
        self._tail += pcm.size
        while self._tail > self._longest:
            self._part()
        shown = self._finished_partial()
        self._ask_for_partial()
        return shown

    def flush(self) -> Hypothesis:
        """Everything decoded; if speech goes on before that began, the partial of the moment."""
        if self._still_holds():
            return self._flushed or Hypothesis()
        self._loudest_since_flush = 0.0
        try:
            self._flushed = self._transcribe(Urgency.SPECULATIVE)
        except CancelledError:
            self._flushed = None
            return self._shown
        return self._flushed

    def finish(self) -> Hypothesis:
        """The last FLUSH's transcript if only quiet followed it, else a new one."""
        if self._still_holds() and self._flushed is not None:
            return replace(self._flushed, stable=len(self._flushed.text))
        try:
            found = self._transcribe(Urgency.PART if self._is_recording else Urgency.FINAL)
        except CancelledError:  # thrown away meanwhile
            return Hypothesis()
        return replace(found, stable=len(found.text))

    def foresee(self, request: AsrRequest, *, end: bool) -> None:
        """What is queued behind the decode under way; called from any thread."""
        job = self._current
        if job is None:
            return
        if request.cancel or (request.audio.size and loudest(request.audio) >= self._quiet_limit):
            self._engine.schedule.withdraw(job)
        elif end:
            self._engine.schedule.hurry(job, Urgency.FINAL)

    def close(self) -> None:
        """Withdraw what is still to be decoded."""
        jobs = [part.job for part in self._parts]
        jobs += [self._partial.job] if self._partial else []
        for job in jobs:
            if job is not None:
                self._engine.schedule.withdraw(job)
        self._pieces.clear()

    # --- decoding ---------------------------------------------------------------------------

    @property
    def _is_recording(self) -> bool:
        """It came faster than anybody speaks: nobody waits for the end of a turn."""
        heard_s = (self._origin + self._tail) / ASR_RATE
        return heard_s > RECORDING_S + 2 * (time.monotonic() - self._began)

    @property
    def _longest(self) -> int:
        """Samples that are decoded at once at most."""
        seconds = self._engine.recogniser.full_frames // 100
        return max(seconds - SPARE_S, seconds * 3 // 4) * ASR_RATE

    @property
    def _audio(self) -> NDArray[np.int16]:
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else np.zeros(0, np.int16)

    def _job(self, audio: NDArray[np.int16], urgency: Urgency, words: tuple[TimedWord, ...]) -> Job:
        prefix = tuple(token for word in words for token in word.tokens)
        frames = self._engine.window_frames(audio.size)
        job = Job(Window(audio, frames, self._language, prefix), urgency)
        self._engine.schedule.submit(job)
        return job

    def _transcribe(self, urgency: Urgency) -> Hypothesis:
        """Decode the tail and wait, also for what was parted off; CancelledError if withdrawn."""
        if self._partial is not None:
            self._engine.schedule.withdraw(self._partial.job)
            self._partial = None
        for part in self._parts:
            if part.job is not None:
                self._engine.schedule.hurry(part.job, urgency)
        audio = self._audio
        heard = Heard(language=self._language)
        if audio.size >= SHORTEST and (self._agreed or not has_no_speech(audio)):
            self._current = self._job(audio, urgency, self._agreed)
            try:
                heard = self._current.future.result()
            finally:
                self._current = None
            self._language = self._language or heard.language
        agreed = len(self._agreed) if urgency is Urgency.SPECULATIVE else len(heard.words)
        return self._hypothesis(heard, agreed)

    # --- partial transcripts ----------------------------------------------------------------

    def _ask_for_partial(self) -> None:
        new = self._tail - self._partial_at
        if time.monotonic() - self._asked < self._engine.options.partial_ms / 2000:
            return  # a recording that is sent faster than it was spoken: nobody watches it
        waiting = self._partial is not None or any(part.pending for part in self._parts)
        if not self._partial_gap or waiting or new < self._partial_gap or self._still_holds():
            return
        audio = self._audio
        self._partial_at, self._asked = self._tail, time.monotonic()
        if not has_no_speech(audio) and self._engine.partials.affordable():
            self._partial = _Partial(self._job(audio, Urgency.PARTIAL, self._agreed))

    def _finished_partial(self) -> Hypothesis | None:
        """The partial that is ready, agreed on with the one before it."""
        partial = self._partial
        if partial is None or not partial.job.future.done():
            return None
        self._partial = None
        if partial.job.future.cancelled() or partial.job.future.exception() is not None:
            return None  # the final transcript will meet the same error, and say so
        heard = partial.job.future.result()
        took = self._engine.partials.took(partial.job.began, partial.job.ended)
        least = self._engine.options.partial_ms * ASR_RATE // 1000
        self._partial_gap = max(least, int(took / PARTIAL_LOAD * ASR_RATE))
        if not heard.words:
            return None
        self._agree(heard.words, partial.job.window.pcm.size)
        self._language = self._language or heard.language
        shown = self._hypothesis(heard, len(self._agreed), partial.job.window.pcm.size)
        changed = (shown.text, shown.stable) != (self._shown.text, self._shown.stable)
        self._shown = shown
        return shown if changed else None

    def _agree(self, words: tuple[TimedWord, ...], samples: int) -> None:
        """Local agreement of two (Liu et al. 2020), but for words at the very end of the audio."""
        settled = samples * 1000 // ASR_RATE - UNSETTLED_MS
        same = zip(self._agreed, words, strict=False)
        count = sum(1 for _ in itertools.takewhile(lambda pair: pair[0].text == pair[1].text, same))
        for old, new in zip(self._last[count:], words[count:], strict=False):
            if old.text != new.text or new.end_ms > settled:
                break
            count += 1
        self._agreed = words[:count]
        self._last = words

    # --- utterances longer than a window ----------------------------------------------------

    def _part(self) -> None:
        """Part off what lies before the longest pause of the tail's second half."""
        if self._partial is not None:
            self._engine.schedule.withdraw(self._partial.job)
            self._partial = None
        audio = self._audio
        at = quietest(audio[: self._longest])
        cut_ms = at * 1000 // ASR_RATE
        before = tuple(word for word in self._agreed if word.end_ms <= cut_ms)
        after = tuple(_moved(word, -cut_ms) for word in self._agreed[len(before) :])
        part = _Part(self._origin * 1000 // ASR_RATE)
        if before or not has_no_speech(audio[:at]):
            part.job = self._job(audio[:at].copy(), Urgency.PART, before)
        self._parts.append(part)
        self._agreed, self._last = after, ()
        self._pieces = [audio[at:].copy()]
        self._tail -= at
        self._origin += at
        self._partial_at = 0
        self._flushed = None

    def _hypothesis(self, heard: Heard, agreed: int, samples: int | None = None) -> Hypothesis:
        """The parted-off parts and the tail as one; `agreed` words of the tail are stable."""
        base = self._origin * 1000 // ASR_RATE
        words: list[TimedWord] = []
        confidences: list[tuple[int, float]] = []
        for part in self._parts:
            said = part.result()
            words += [_moved(word, part.start_ms) for word in said.words]
            confidences.append((len(said.words), said.confidence))
        stable = len(words) + agreed
        words += [_moved(word, base) for word in heard.words]
        confidences.append((len(heard.words), heard.confidence))
        total = sum(count for count, _ in confidences)
        confidence = sum(c * v for c, v in confidences) / total if total else 0.0
        size = self._tail if samples is None else samples
        return Hypothesis(
            text=_text(words),
            stable=len(_text(words[:stable])),
            audio_ms=(self._origin + size) * 1000 // ASR_RATE,
            confidence=min(1.0, max(0.0, confidence)),
            words=tuple(Word(word.text.strip(), word.start_ms, word.end_ms) for word in words),
        )

    # --- levels -----------------------------------------------------------------------------

    @property
    def _quiet_limit(self) -> float:
        return max(QUIET_RATIO * self._loudest, QUIET_RMS)

    def _measure(self, pcm: NDArray[np.int16]) -> None:
        level = loudest(pcm)
        self._loudest = max(self._loudest, level)
        self._loudest_since_flush = max(self._loudest_since_flush, level)

    def _still_holds(self) -> bool:
        if self._flushed is None:
            return False
        now_ms = (self._origin + self._tail) * 1000 // ASR_RATE
        recent = now_ms - self._flushed.audio_ms <= MAX_QUIET_MS
        return recent and self._loudest_since_flush < self._quiet_limit


def _moved(word: TimedWord, ms: int) -> TimedWord:
    return replace(word, start_ms=max(0, word.start_ms + ms), end_ms=max(0, word.end_ms + ms))


def _text(words: list[TimedWord]) -> str:
    return "".join(word.text for word in words).strip()
