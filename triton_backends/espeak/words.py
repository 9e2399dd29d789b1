"""Word times out of espeak-ng's events."""

import bisect
import re
from collections.abc import Iterable

from triton_backends.espeak.japanese import Rewritten
from triton_backends.espeak.library import Mark
from triton_backends.shared.engine import Word

_TOKEN = re.compile(r"\S+")
_KANA = re.compile(r"[\u3040-\u30ff]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_PHRASE = re.compile(r"\w+[^\w\s]*|[^\w\s]+")
_SIGN = re.compile(r"[\u3400-\u9fff][^\w\s]*|[^\s\u3400-\u9fff]+")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end, with the punctuation that belongs to them.

    White space parts them; where there is none, espeak-ng reports Chinese sign by sign, and
    Japanese phrase by phrase.
    """
    spans: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        if not (_KANA.search(token[0]) or _HAN.search(token[0])):
            spans.append(token.span())
            continue
        for phrase in _PHRASE.finditer(text, *token.span()):
            if _KANA.search(phrase[0]):
                spans.append(phrase.span())
            else:
                spans += (sign.span() for sign in _SIGN.finditer(text, *phrase.span()))
    return spans


class WordTracker:
    """Joins marks to the words of the text, in order.

    espeak-ng reports a number several times and inside itself, so every mark is taken to mean the
    written word around it. A word is complete once the next one begins or the clause ends.
    Where espeak-ng read a `rewritten` text, words are still those of the original.
    """

    def __init__(self, text: str, rewritten: Rewritten | None = None) -> None:
        self._text = text
        self._rewritten = rewritten
        self._spans = word_spans(rewritten.text if rewritten else text)
        self._starts = [start for start, _ in self._spans]
        self._newest = -1
        self._begun_ms: int | None = None

    def complete(self, marks: Iterable[Mark]) -> tuple[Word, ...]:
        """The words that these marks complete."""
        words = []
        for mark in marks:
            index = bisect.bisect_right(self._starts, mark.position) - 1
            ends_clause = mark.position < 0
            if not ends_clause and index <= self._newest:
                continue
            if self._begun_ms is not None:
                words.append(self._word(self._begun_ms, mark.at_ms))
            self._begun_ms = None if ends_clause else mark.at_ms
            self._newest = max(self._newest, index)
        return tuple(words)

    def _word(self, start_ms: int, end_ms: int) -> Word:
        start, end = self._spans[self._newest]
        if self._rewritten is not None:
            start, end = self._rewritten.offsets[start], self._rewritten.offsets[end]
        return Word(self._text[start:end], start_ms, end_ms, start, end)
