"""From emitted tokens to text, words with times, and a confidence."""

import codecs
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from triton_backends.shared.engine import Hypothesis, Word
from triton_backends.transducer.search import Emission
from triton_backends.transducer.tokens import Tokens

FIRST_WITHOUT_SPACES = "\u2e80"
"""From here on scripts (Chinese, Japanese, Korean) are written without spaces between words."""


@dataclass(slots=True)
class _Open:
    """A word that is being put together."""

    text: str = ""
    first: int = 0
    last: int = 0


@dataclass(slots=True)
class _Text:
    """The text so far; bytes of a character that is not whole wait in the decoder."""

    words: list[Word] = field(default_factory=list)
    text: str = ""
    open: _Open = field(default_factory=_Open)


class Writer:
    """Writes the tokens of one vocabulary, emitted every `frame_ms`."""

    def __init__(self, tokens: Tokens, frame_ms: int) -> None:
        self._tokens = tokens
        self._frame_ms = frame_ms

    def hypothesis(self, emissions: Sequence[Emission], settled: int, audio_ms: int) -> Hypothesis:
        """What the tokens say; the first `settled` of them will not change.

        A word begins with the frame of its first token and ends after that of its last; the
        confidence is the geometric mean of the tokens' probabilities.
        """
        told = _Text()
        decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        stable, said = 0, list[float]()
        for place, emission in enumerate(emissions):
            raw = self._tokens.text(emission.token)
            self._add(told, decoder.decode(raw), emission.frame)
            if raw:
                said.append(emission.log_probability)
            if place == settled - 1:
                stable = len(told.text)
        self._close(told)
        text = told.text.rstrip()
        sure = math.exp(math.fsum(said) / len(said)) if said else 0.0
        return Hypothesis(text, min(stable, len(text)), audio_ms, min(sure, 1.0), tuple(told.words))

    def _add(self, told: _Text, piece: str, frame: int) -> None:
        for letter in piece:
            if letter.isspace():
                self._close(told)
                if told.text and not told.text.endswith(" "):
                    told.text += " "
                continue
            if letter >= FIRST_WITHOUT_SPACES and letter.isalnum():
                self._close(told)
            if not told.open.text:
                told.open.first = frame
            told.open.text += letter
            told.open.last = frame
            told.text += letter

    def _close(self, told: _Text) -> None:
        word = told.open
        if word.text:
            start, end = word.first * self._frame_ms, (word.last + 1) * self._frame_ms
            told.words.append(Word(word.text, start, end))
            told.open = _Open()
