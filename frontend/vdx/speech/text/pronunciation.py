"""A profile's words that a voice would say wrong: respelled, or written in phonemes.

Whole words of what is spoken are replaced, the longest entry first and each place once, so what an
entry says is not looked up again. An entry in lower case stands for every case of its word; one
with a capital letter for that very spelling alone. What is shown, kept and recognised stays as it
was written: each spoken character knows where it came from.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from vdx.core.events import Clause, Phonemes, Word
from vdx.speech.text.normalise.spans import NO_WORD, RIGHT, SpanText

OPEN, CLOSE = "[[", "]]"
"""Around phonemes in the TEXT of a voice that takes them."""
SLASH: Final = "/"


def ipa_of(entry: str) -> str:
    """The phonemes of an entry "/…/"; empty for a respelling."""
    is_ipa = len(entry) > 2 and entry.startswith(SLASH) and entry.endswith(SLASH)
    return entry[1:-1].replace("g", "ɡ") if is_ipa else ""


class Pronunciation:
    """The entries of one profile; immutable."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._exact = dict(entries)
        self._lower = {word: said for word, said in entries.items() if word == word.lower()}
        words = sorted(entries, key=lambda word: (-len(word), word))
        self._pattern = re.compile("|".join(map(_whole, words)), re.IGNORECASE)

    @property
    def in_phonemes(self) -> list[str]:
        """The words that are given in phonemes."""
        return [word for word, said in self._exact.items() if ipa_of(said)]

    def clause(self, clause: Clause, literal: tuple[bool, ...]) -> tuple[Clause, tuple[bool, ...]]:
        """The clause as it is to be said, and which of its characters stay as they are."""
        length = len(clause.text)
        offsets = clause.offsets or tuple(range(clause.source_start, clause.source_start + length))
        literal = literal or (False,) * length
        found = SpanText(clause.text, offsets, literal)
        phonemes: list[Phonemes] = []

        def say(match: re.Match[str]) -> str | None:
            said = self._exact.get(match[0]) or self._lower.get(match[0].lower())
            if said is None or not (ipa := ipa_of(said)):
                return said
            start, end = match.span()
            phonemes.append(Phonemes(offsets[start], offsets[end - 1] + 1, ipa))
            return None

        said = found.rewrite(self._pattern, say, literal=True)
        if not phonemes and said is found:
            return clause, literal
        kept = tuple(
            own or any(each.start <= at < each.end for each in phonemes)
            for own, at in zip(said.literal, said.offsets, strict=True)
        )
        changed = replace(clause, text=said.text, offsets=said.offsets, phonemes=tuple(phonemes))
        return changed, kept


@lru_cache(maxsize=64)
def _made(entries: tuple[tuple[str, str], ...]) -> Pronunciation:
    return Pronunciation(dict(entries))


def pronunciation_of(entries: Mapping[str, str]) -> Pronunciation | None:
    """The entries compiled; None where there are none."""
    return _made(tuple(entries.items())) if entries else None


def _whole(word: str) -> str:
    """A pattern of the word alone: none that it is a part of."""
    before = NO_WORD if _is_part(word[0]) else ""
    return f"{before}{re.escape(word)}{RIGHT if _is_part(word[-1]) else ''}"


def _is_part(char: str) -> bool:
    return char.isalnum() or char == "_"


@dataclass(frozen=True, slots=True)
class _Part:
    """Characters `start` to `end` of a clause's text that are `said` otherwise, from `at` on."""

    start: int
    end: int
    at: int
    said: str


def in_phonemes(clause: Clause) -> tuple[str, Callable[[Word], Word]]:
    """The TEXT of a voice that takes phonemes, and what brings its words back to `clause.text`."""
    parts: list[_Part] = []
    text, at = "", 0
    for each in clause.phonemes:
        inside = [
            index
            for index in range(len(clause.text))
            if each.start <= _source(clause, index) < each.end
        ]
        if not inside:
            continue  # it is in another part of a clause that was cut again
        start, end = inside[0], inside[-1] + 1
        text += clause.text[at:start]
        said = f"{OPEN}{each.ipa}{CLOSE}"
        parts.append(_Part(start, end, len(text), said))
        text, at = text + said, end
    text += clause.voice_text[at:]

    def written(word: Word) -> Word:
        start = _written(word.char_start, parts, 0)
        end = _written(word.char_end, parts, 1)
        return replace(word, word=clause.text[start:end], char_start=start, char_end=end)

    return text, written if parts else lambda word: word


def _source(clause: Clause, index: int) -> int:
    return clause.offsets[index] if clause.offsets else clause.source_start + index


def _written(at: int, parts: list[_Part], is_end: int) -> int:
    """Where a character of the TEXT is in the clause; one inside phonemes is at an end of them."""
    shift = 0
    for part in parts:
        if at < part.at + is_end:
            break
        if at < part.at + len(part.said) + is_end:
            inside = at > part.at if is_end else at >= part.at
            if inside:
                return part.end if is_end else part.start
        shift = part.end - part.at - len(part.said)
    return at + shift
