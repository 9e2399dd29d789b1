"""From emitted tokens to text, words with times, and a confidence."""

import codecs
import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass

from triton_backends.shared.engine import Hypothesis, Mark, Word
from triton_backends.shared.scripts import without_spaces
from triton_backends.transducer.search import Emission
from triton_backends.transducer.tokens import Tokens


@dataclass(frozen=True, slots=True)
class _Open:
    """A word that is being put together, and the frames of its first and last token."""

    text: str = ""
    first: int = 0
    last: int = 0


class Transcript:
    """Grows by tokens, so that a long utterance costs no more than a short one.

    A word begins with the frame of its first token and ends after that of its last; the confidence
    is the geometric mean of the tokens' probabilities. Frames come every `frame_ms`; times count
    from `begin_ms` after the first.
    """

    def __init__(self, tokens: Tokens, frame_ms: int, begin_ms: int = 0) -> None:
        self._tokens = tokens
        self._frame_ms = frame_ms
        self._begin_ms = begin_ms
        self.text = ""
        self.words: list[Word] = []
        self.marks: list[Mark] = []
        self._open = _Open()
        self._space = False
        """A space that is written with the next letter, if that one is not written without."""
        self._pending = b""
        """Bytes of a character that is not whole yet."""
        self._said = 0
        self._log_probability = 0.0

    def add(self, emissions: Iterable[Emission]) -> None:
        for emission in emissions:
            if kind := self._tokens.mark(emission.token):
                self.marks.append(Mark(kind, self._ms(emission.frame + 1)))
            raw = self._tokens.text(emission.token)
            if raw:
                self._said += 1
                self._log_probability += emission.log_probability
            for letter in self._decode(raw):
                self._write(letter, emission.frame)

    def _decode(self, raw: bytes) -> str:
        letters = codecs.getincrementaldecoder("utf-8")("ignore")
        letters.setstate((self._pending, 0))
        text = letters.decode(raw)
        self._pending = letters.getstate()[0]
        return text

    def followed_by(self, emissions: Iterable[Emission]) -> "Transcript":
        """A copy with more tokens; this one stays as it is."""
        longer = copy.copy(self)
        longer.words, longer.marks = list(self.words), list(self.marks)
        longer.add(emissions)
        return longer

    def hypothesis(self, stable: int, audio_ms: int) -> Hypothesis:
        """The transcript as the contract has it; `stable` is its leading characters that stay."""
        words = [*self.words, self._word()] if self._open.text else self.words
        text = self.text.rstrip()
        sure = math.exp(self._log_probability / self._said) if self._said else 0.0
        stays, sure = min(stable, len(text)), min(sure, 1.0)
        return Hypothesis(text, stays, audio_ms, sure, tuple(words), tuple(self.marks))

    def _write(self, letter: str, frame: int) -> None:
        if letter.isspace():
            self._close()
            self._write_space()
            return
        alone = _is_alone(letter)
        if self._space and not alone:
            self.text += " "
        self._space = False
        if alone:
            self._close()
        first = self._open.first if self._open.text else frame
        self._open = _Open(self._open.text + letter, first, frame)
        self.text += letter

    def _write_space(self) -> None:
        """Byte-level tables have one before each Chinese character too, which is not shown."""
        if self.text and _is_alone(self.text[-1]):
            self._space = True
        elif self.text and not self.text.endswith(" "):
            self.text += " "

    def _close(self) -> None:
        if self._open.text:
            self.words.append(self._word())
            self._open = _Open()

    def _word(self) -> Word:
        word = self._open
        return Word(word.text, self._ms(word.first), self._ms(word.last + 1))

    def _ms(self, frame: int) -> int:
        return max(frame * self._frame_ms - self._begin_ms, 0)


def _is_alone(letter: str) -> bool:
    """Whether it is a word by itself, without spaces around it."""
    return without_spaces(letter) and letter.isalnum()
