"""What a text sounds like: phonemes, and the word of the text that each belongs to."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from triton_backends.shared.word_spans import NO_WORD

AT_ONCE = 200
"""Symbols that the network is given at once, about 15 s of speech.

The reference gives it up to 510; the first sound would wait for all of them.
"""
_ENDS = (".!?…", ":;", ",—")
"""Where to cut, the best first, as the reference's `waterfall_last`."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """`words` has for each symbol the index of its word in `spans`, or NO_WORD.

    `spans` are start and end of every word of the text, in characters.
    """

    symbols: str
    words: tuple[int, ...]
    spans: Sequence[tuple[int, int]]

    def part(self, start: int, end: int) -> "Spoken":
        return Spoken(self.symbols[start:end], self.words[start:end], self.spans)


class FrontEnd(Protocol):
    """Text to phonemes in one language; safe to call from any thread."""

    def read(self, text: str) -> Spoken:
        """All of a text; no symbols where it has nothing to say."""
        ...


def sentences(spoken: Spoken) -> Iterator[Spoken]:
    """Parts of at most AT_ONCE symbols: whole sentences, where there are ends of sentences."""
    at = 0
    while len(spoken.symbols) - at > AT_ONCE:
        end = at + _cut(spoken.symbols[at : at + AT_ONCE])
        yield from _stripped(spoken.part(at, end))
        at = end
    yield from _stripped(spoken.part(at, len(spoken.symbols)))


def _cut(symbols: str) -> int:
    for ends in _ENDS:
        if (found := max(map(symbols.rfind, ends))) >= 0:
            closers = re.match(r"[)”\"]*", symbols[found + 1 :])
            return found + 1 + (closers.end() if closers else 0)
    return symbols.rfind(" ") + 1 or len(symbols)


def _stripped(spoken: Spoken) -> Iterator[Spoken]:
    """Without spaces at the ends; nothing where no symbol is spoken."""
    if any(word != NO_WORD for word in spoken.words):
        start = len(spoken.symbols) - len(spoken.symbols.lstrip())
        yield spoken.part(start, len(spoken.symbols.rstrip()))
