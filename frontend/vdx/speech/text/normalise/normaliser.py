"""Applies the rules to a clause, in an order in which none spoils what a later one looks for."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from vdx.core.events import Clause
from vdx.speech.text.marks import TASK_DONE, TASK_OPEN
from vdx.speech.text.normalise import (
    agreement,
    calendar,
    clock,
    counting,
    english,
    forms,
    letters,
    measures,
    ordinals,
    signs,
    weekdays,
)
from vdx.speech.text.normalise.spans import SpanText
from vdx.speech.text.normalise.words import Words, words_of_language

_Rule = Callable[[SpanText, Words], SpanText]
LETTERS: Final[tuple[_Rule, ...]] = (
    forms.footnotes,
    weekdays.weekdays,
    ordinals.centuries,
    letters.addresses,
    english.short_words,
    letters.abbreviations,
)
NUMBERS: Final[tuple[_Rule, ...]] = (
    signs.phones,
    english.english_forms,
    forms.forms,
    forms.short_dates,
    calendar.dates,
    clock.times,
    clock.ratios,
    clock.decades,
    agreement.halves,
    counting.fractions,
    signs.ranges,
    signs.comparisons,
    signs.minus,
    measures.money,
    agreement.before_nouns,
    measures.units,
    signs.operators,
    ordinals.ordinals,
    clock.years,
    counting.powers,
    counting.numbers,
)
"""Only for a text with a digit."""
REST: Final[tuple[_Rule, ...]] = (signs.operators, ordinals.romans, signs.rest)
_NUMERIC: Final = re.compile(r"[\d\u00bc-\u00be\u2150-\u215e]")


class Normaliser:
    """The rules of one language; a language without a file is left to the voice as it is."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.words = words_of_language(language)

    def clause(self, clause: Clause, literal: tuple[bool, ...] = ()) -> Clause:
        """The same clause in words; `literal` says which characters stay as they are."""
        length = len(clause.text)
        offsets = clause.offsets or tuple(range(clause.source_start, clause.source_start + length))
        text = self.text(SpanText(clause.text, offsets, literal or (False,) * length))
        return replace(clause, text=text.text, offsets=text.offsets)

    def text(self, text: SpanText) -> SpanText:
        """The rules applied, white space made single."""
        text = letters.compatible(text, self.language)
        if self.words is None:
            return _single_spaced(text.replace(TASK_DONE, "").replace(TASK_OPEN, ""))
        rules = (*LETTERS, *NUMBERS, *REST) if _NUMERIC.search(text.text) else (*LETTERS, *REST)
        for rule in rules:
            text = rule(text, self.words)
        return _single_spaced(text)


def _single_spaced(text: SpanText) -> SpanText:
    begin = len(text.text) - len(text.text.lstrip(" "))
    kept = [
        index
        for index, char in enumerate(text.text)
        if char != " "
        or (
            index > begin
            and text.text[index + 1 : index + 2] not in ("", " ", ",", ".", ";", "!", "?")
        )
        or text.literal[index]
    ]
    return SpanText(
        "".join(text.text[i] for i in kept),
        tuple(text.offsets[i] for i in kept),
        tuple(text.literal[i] for i in kept),
    )
