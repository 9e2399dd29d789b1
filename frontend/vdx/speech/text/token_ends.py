"""Whether a clause may end behind a token: punctuation, abbreviations, ordinals, initials."""

import re
from enum import Enum, auto
from typing import Final

from vdx.speech.text.languages import language_table
from vdx.speech.text.writing_systems import (
    CLOSERS,
    OPENERS,
    STRONG,
    STRONG_ANYWHERE,
    WEAK,
    WEAK_ANYWHERE,
)

_DOTTED: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
"""Letters with dots between them: U.S, e.g, z.B."""
_DAY_AND_MONTH: Final = re.compile(r"\d{1,2}\.\d{1,2}")
"""In "24.12.", where a dot makes ordinals; also a version at the end of a sentence."""
_ROMAN: Final = re.compile("[IVXLC]+")


class After(Enum):
    """What the end of a token allows behind it."""

    NOTHING = auto()
    GLUED = auto()  # the next word belongs to it
    WEAK = auto()
    STRONG = auto()
    STRONG_BEFORE_CAPITAL = auto()
    STRONG_UNLESS_DIGIT = auto()
    WEAK_UNLESS_DIGIT = auto()


class TokenEnds:
    """The rules of one language, which say what the end of a token allows."""

    def __init__(self, language: str) -> None:
        self._table = language_table(language)

    def verdict(self, token: str, before: str) -> After:
        """What may follow `token`; `before` is the last character before it in its clause."""
        # An opening mark before white space closes: „so“ in German, »so« in Danish.
        core = token.rstrip("".join(CLOSERS) + OPENERS)
        if not core:
            return After.NOTHING
        last = core[-1]
        if last in STRONG_ANYWHERE or last in WEAK_ANYWHERE:
            return After.STRONG if last in STRONG_ANYWHERE else After.WEAK
        if core.endswith(("...", "…")) or last in WEAK or core == "-":
            previous = core[-2:-1] or before
            return After.WEAK_UNLESS_DIGIT if previous.isdigit() else After.WEAK
        if last not in STRONG:
            return After.NOTHING
        if last != "." or core != token:
            return After.STRONG
        return self._on_dot(core[:-1].lstrip(OPENERS), before)

    def _on_dot(self, word: str, before: str) -> After:
        """Whether the full stop after `word` ends a sentence or belongs to the word."""
        table, folded = self._table, word.casefold()
        if len(word) == 1 and word.islower():  # "i. d. R.", "p. m."
            glued = table.capital_nouns or folded in table.abbreviations
            return After.GLUED if glued else After.STRONG_BEFORE_CAPITAL
        if folded in table.closing_abbreviations:
            return After.GLUED if table.capital_nouns else After.STRONG_BEFORE_CAPITAL
        doubled = len(word) == 2 and word[0] == word[1]  # the plural of "EE. UU."
        if word.isupper() and len(word) > 1 and word.isalpha() and not doubled:
            folded = ""  # "EST" is a name, "est." an abbreviation
        if folded in table.abbreviations or _DOTTED.fullmatch(word):
            return After.GLUED
        if folded in table.number_abbreviations:
            return After.STRONG_UNLESS_DIGIT
        is_initial = len(word) == 1 and word.isupper() and word != "I"
        if is_initial or (table.ordinal_dot and _ROMAN.fullmatch(word)):
            return After.GLUED
        is_date = table.ordinal_dot and _DAY_AND_MONTH.fullmatch(word)
        if is_date or (len(word) > 1 and _ROMAN.fullmatch(word)):
            return After.STRONG_BEFORE_CAPITAL
        is_item = not before or (table.ordinal_dot and len(word) <= 2)
        if word.isdigit() and len(word) <= 3 and is_item:
            return After.GLUED
        return After.STRONG
