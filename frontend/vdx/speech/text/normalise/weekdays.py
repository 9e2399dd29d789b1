"""Abbreviated days of the week: "Mon-Fri", "Sat. 5 p.m."."""

import re
from typing import Final

from vdx.speech.text.normalise import icu
from vdx.speech.text.normalise.spans import SpanText
from vdx.speech.text.normalise.words import Words

_INFLECTED: Final = ("ru", "uk", "pl", "ar", "hi")
"""From one day to another asks for cases there, or for other words."""
_UNSPACED: Final = ("zh", "ja", "ko")


def weekdays(text: SpanText, words: Words) -> SpanText:
    """From one day to another; with a dot also a single one before a number or a comma.

    A single one is told in English and German, whose abbreviations are no words of their own.
    """
    if words.language in (*_INFLECTED, *_UNSPACED):
        return text
    days = icu.weekdays(words.language)
    capital = next(iter(days.values()))[0].isupper()
    known = {name if capital else name.casefold(): day for name, day in days.items()}
    names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    flags = 0 if capital else re.IGNORECASE

    def day(name: str) -> str:
        return known[name if capital else name.casefold()]

    between = rf"(?<![\w-])({names})\.?\s?[-\u2013\u2014]\s?({names})(?:\.|(?![\w-]))"
    text = text.rewrite(
        re.compile(between, flags), lambda m: f"{day(m[1])} {words.range} {day(m[2])}"
    )
    if not capital:
        return text
    return text.rewrite(re.compile(rf"(?<!\w)({names})\.(?=,|\s\d)"), lambda m: day(m[1]))
