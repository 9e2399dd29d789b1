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

    def __init__(
        self,
        texts: Sequence[str],
        max_utterances: int = 1024,
        languages: Sequence[tuple[str, float]] = (),
    ) -> None:
        if not texts:
            raise InvalidArgument("parameter texts: names no text")
        self.max_utterances = max_utterances
        self._languages = tuple(languages) or (("", 0.0),)
        self._texts = tuple(texts)
        self._next = -1  # the warm-up takes one

    @classmethod
    def of(cls, parameters: Parameters) -> "CannedEngine":
        """From the parameters `texts` (separated by "|", used in turn) and `max_utterances`.

        `detects` has the language that each text is in and its probability: "de:0.9|en:0.4".
        """
        texts = [text.strip() for text in parameters.text("texts", DEFAULT_TEXT).split("|")]
        detects = parameters.text("detects", "")
        languages = [_language(each) for each in detects.split("|") if each.strip()]
        return cls(texts, parameters.integer("max_utterances", 1024, low=1), languages)

    def start(self, request: AsrRequest, /) -> "CannedUtterance":
        number = max(self._next, 0)
        text = self._texts[number % len(self._texts)]
        detected = self._languages[number % len(self._languages)]
        self._next += 1
        return CannedUtterance(text, (request.language, 1.0) if request.language else detected)

    def close(self) -> None:
        pass


class CannedUtterance:
    """One utterance: a partial at the first audio, the same text afterwards."""

    def __init__(self, text: str, language: tuple[str, float] = ("", 0.0)) -> None:
        self._text = text
        self._language = language
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
        return Hypothesis(self._text, stable, milliseconds, 1.0, words, (), *self._language)


def _language(given: str) -> tuple[str, float]:
    """ "de:0.9" as a tag and a probability; raises InvalidArgument naming it."""
    tag, _, probability = given.strip().partition(":")
    try:
        value = float(probability or 1.0)
    except ValueError:
        value = -1.0
    if not tag or not 0.0 <= value <= 1.0:
        raise InvalidArgument(f"parameter detects: {given!r} is no language with its probability")
    return tag, value
