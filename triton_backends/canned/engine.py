"""Answers with given texts in turn, whatever is said: load runs then measure vdx alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_RATE, AsrRequest
from triton_backends.shared.engine import Hypothesis
from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.parameters import Parameters
from triton_backends.shared.words import even_words

DEFAULT_TEXT = "hello there"


class CannedEngine:
    """Gives each new utterance the next of its texts; one without audio gets no text."""

    workers = 0

    def __init__(self, texts: Sequence[str], max_utterances: int = 1024) -> None:
        if not texts:
            raise InvalidArgument("parameter texts: names no text")
        self.max_utterances = max_utterances
        self._texts = tuple(texts)
        self._next = -1  # the warm-up takes one

    @classmethod
    def of(cls, parameters: Parameters) -> "CannedEngine":
        """From the parameters `texts` (separated by "|", used in turn) and `max_utterances`."""
        texts = [text.strip() for text in parameters.text("texts", DEFAULT_TEXT).split("|")]
        return cls(texts, parameters.integer("max_utterances", 1024, low=1))

    def start(self, _request: AsrRequest, /) -> "CannedUtterance":
        text = self._texts[max(self._next, 0) % len(self._texts)]
        self._next += 1
        return CannedUtterance(text)

    def close(self) -> None:
        pass


class CannedUtterance:
    """One utterance: a partial at the first audio, the same text afterwards."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._samples = 0

    def accept(self, pcm: NDArray[np.int16]) -> Hypothesis | None:
        first = self._samples == 0
        self._samples += pcm.size
        return self._heard(stable=0) if first else None

    def flush(self) -> Hypothesis:
        return self._heard(stable=len(self._text))

    def finish(self) -> Hypothesis:
        return self._heard(stable=len(self._text))

    def close(self) -> None:
        pass

    def _heard(self, stable: int) -> Hypothesis:
        milliseconds = self._samples * 1000 // ASR_RATE
        if not self._samples:
            return Hypothesis()
        words = tuple(even_words(self._text, milliseconds))
        return Hypothesis(self._text, stable, milliseconds, 1.0, words)
