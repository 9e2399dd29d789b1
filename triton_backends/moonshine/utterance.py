"""One utterance: windows one after the other, partials as sound comes, and what is told of them."""

import math
from dataclasses import dataclass, field, replace
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from triton_backends.moonshine.agreement import ROUNDS
from triton_backends.moonshine.joining import joined
from triton_backends.moonshine.search import DecodedTokens
from triton_backends.moonshine.window import Window
from triton_backends.moonshine.words import timed_words
from triton_backends.shared.contract import ASR_FRAME, ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.shared.flush_reuse import FlushReuse
from triton_backends.shared.hot_words import HotWords
from triton_backends.shared.levels import frame_levels

if TYPE_CHECKING:
    from triton_backends.moonshine.engine import MoonshineEngine

LONG, LONGEST = 12 * ASR_RATE, 24 * ASR_RATE
"""Samples from which on a window ends at a pause, and at which it ends in any case."""
PAUSE = 3 * ASR_RATE // 10
LOOKED_BACK = ASR_RATE
"""Samples at the end of the longest window among which it is cut at the quietest place; fewer where
partials come sooner, for what they have agreed on must have been said before."""


@dataclass(slots=True)
class SettledText:
    """What earlier windows said, which stays."""

    text: str = ""
    words: list[Word] = field(default_factory=list)
    log_probability: float = 0.0
    tokens: int = 0


class MoonshineUtterance:
    """Used by one thread at a time, but for `queued_behind`."""

    def __init__(self, engine: "MoonshineEngine", words: HotWords | None) -> None:
        self._engine = engine
        self._reuse = FlushReuse()
        self._told = SettledText()
        # On its own: a window that held its utterance would keep all its sound until Python looks
        # for cycles, long after it was closed.
        self._unwanted = Event()
        self._window = Window(engine.model, words, self._unwanted.is_set)
        self._started = 0
        """The sample that the window begins with."""
        self._samples = 0
        self._due = engine.partial_samples
        self._quiet = 0
        """Samples since the last that was not quiet."""
        self._shown = Hypothesis()
        self._flushing = False

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        """A partial wherever `partial_samples` of sound are full, whatever the pieces."""
        shown: Hypothesis | None = None
        while pcm.size:
            piece, pcm = pcm[: self._due - self._samples], pcm[self._due - self._samples :]
            self._hear(piece)
            if self._samples == self._due:
                self._due += self._engine.partial_samples
                shown = self._update() or shown
        return shown

    def _hear(self, pcm: NDArray[np.int16]) -> None:
        self._reuse.hear(pcm)
        self._window.hear(pcm)
        self._samples += pcm.size
        loud = np.flatnonzero(frame_levels(pcm) >= self._reuse.quiet_limit)
        if loud.size:
            self._quiet = pcm.size - int(loud[-1] + 1) * ASR_FRAME
        else:
            self._quiet += pcm.size

    def flush(self) -> Hypothesis:
        """Everything said so far; sound may follow as if this had not been asked for."""
        self._flushing = True
        self._unwanted.clear()
        kept = self._reuse.answer()
        if kept is not None:
            self._flushing = False
            return kept
        said = self._window.whole()
        self._unwanted.clear()
        self._flushing = False
        if said is None:
            self._reuse.forget()
            return self._shown
        told = self._hypothesis(said)
        self._reuse.keep(told)
        return told

    def finish(self) -> Hypothesis:
        """The last FLUSH's transcript if only quiet followed it, else a new one."""
        kept = self._reuse.final()
        if kept is not None:
            return kept
        self._unwanted.clear()
        told = self._hypothesis(self._window.whole() or DecodedTokens())
        return replace(told, stable=len(told.text))

    def queued_behind(self, request: AsrRequest, *, end: bool) -> None:
        """A FLUSH or END needs no partial before it; speech behind a FLUSH makes it useless.

        A FLUSH that has begun is what an END behind it is answered with.
        """
        speech, flushing = self._reuse.is_speech(request.audio), self._flushing
        useless = speech if flushing else request.flush or end
        if request.cancel or useless:
            self._unwanted.set()

    def close(self) -> None:
        """Nothing more is computed for it."""
        self._unwanted.set()

    def _update(self) -> Hypothesis | None:
        """A partial, where it says something new; ends a window that has become long."""
        self._started += self._window.forget_silence()
        if self._window.samples >= LONGEST:
            since_agreed = ROUNDS * self._engine.partial_samples
            self._settle(self._window.quietest(min(LOOKED_BACK, since_agreed)))
        elif self._window.samples >= LONG and self._quiet >= PAUSE:
            self._settle(self._window.samples)
        if self._unwanted.is_set():
            return None
        said = self._window.partial()
        if said is None:
            return None
        told = self._hypothesis(said)
        changed = told.text != self._shown.text
        self._shown = told
        return told if changed else None

    def _settle(self, sample: int) -> None:
        """What the window says before a sample of it is final."""
        self._told = self._with(self._window.take_until(sample))
        self._started += sample

    def _with(self, said: DecodedTokens) -> SettledText:
        """What was told, and what the window says after it."""
        model, told = self._engine.model, self._told
        words = timed_words(
            said, model.vocabulary, model.encoder.frame_ms, self._started * 1000 // ASR_RATE
        )
        return SettledText(
            joined(told.text, model.vocabulary.written(said.tokens)),
            [*told.words, *words],
            told.log_probability + sum(said.log_probabilities),
            told.tokens + len(said.tokens),
        )

    def _hypothesis(self, said: DecodedTokens) -> Hypothesis:
        """Stable is what earlier windows said, and what partials of this one agree on."""
        told = self._with(said)
        agreed = said.tokens[: self._window.agreed.count]
        stable = joined(self._told.text, self._engine.model.vocabulary.written(agreed))
        sure = math.exp(told.log_probability / told.tokens) if told.tokens else 0.0
        audio_ms = self._samples * 1000 // ASR_RATE
        stays = min(len(stable), len(told.text))
        return Hypothesis(told.text, stays, audio_ms, min(sure, 1.0), tuple(told.words))
