"""Ordinals, and Roman numerals behind a name: of kings and popes, of chapters and wars."""

import re
from functools import partial
from typing import Final

from vdx.speech.text.normalise import icu
from vdx.speech.text.normalise.spans import SpanText
from vdx.speech.text.normalise.words import Words

_ROMAN: Final = r"(?=[IVXL]{2}|[VX])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])"
_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def ordinals(text: SpanText, words: Words) -> SpanText:
    """Numbers with a suffix that makes them ordinals."""
    for suffix, ruleset in words.ordinals.items():
        if suffix == ".":
            # Inside a clause only: at its end the full stop ends the sentence.
            pattern = re.compile(r"(?<![\w.,:])(\d{1,2})\.(?=\s\w)")
        else:
            pattern = re.compile(rf"(?<![\w.,])(\d+){re.escape(suffix)}(?!\w)", re.IGNORECASE)

        def say(match: re.Match[str], rules: str = ruleset) -> str:
            before = (match.string[: match.start()].split() or [""])[-1].casefold()
            return icu.spelled(
                words.language, int(match[1]), words.ordinal_after.get(before, rules)
            )

        text = text.rewrite(pattern, say)
    return text


def romans(text: SpanText, words: Words) -> SpanText:
    """Roman numerals behind a name: of kings and popes, of chapters and wars."""
    if not words.roman:
        return text
    if words.roman_suffixes:
        suffixes = "|".join(words.roman_suffixes)
        text = text.rewrite(
            re.compile(rf"\b(?=[IVX])([IVXL]+)({suffixes})\b"),
            lambda m: icu.spelled(words.language, _value(m[1]), words.roman_suffixes[m[2]]),
        )
    for word, ruleset in words.ordinal_before.items():
        before = re.compile(rf"(?<![\w.])(?=[IVX])([IVX]+)(?=\s{word}\b)")
        text = text.rewrite(before, partial(_in_order, words, ruleset))
    if words.roman_ordinal_dot:
        before = re.compile(rf"(?<![\w.])({_ROMAN})\.(?=\s[^\W\d_])")
        text = text.rewrite(
            before, lambda m: icu.spelled(words.language, _value(m[1]), "spellout-ordinal")
        )
    dot = r"\.?" if words.roman_capital else ""
    pattern = re.compile(
        rf"(?<![\w.])([^\W\d_]+) ({_ROMAN}|I(?=\.?\s[^\W\d_]|\.?$|[,;:)]))\b{dot}(?!-|['’](?!s\b))"
    )
    return text.rewrite(pattern, lambda m: _ruler(m, words))


def _in_order(words: Words, ruleset: str, match: re.Match[str]) -> str:
    return icu.spelled(words.language, _value(match[1]), ruleset)


def _ruler(match: re.Match[str], words: Words) -> str | None:
    name, numeral = match[1], match[2]
    value = _value(numeral)
    if name.casefold() in words.roman_cardinal_after.split():
        return f"{name} {icu.spelled(words.language, value)}"
    # "I" is a word, "V" and "X" are names as well: only after a name do they count.
    if not name[:1].isupper() or name.isupper() or (numeral == "I" and words.language == "en"):
        return None
    ordinal = icu.spelled(words.language, value, _ordinal(name, words))
    if words.roman_capital:
        ordinal = ordinal[:1].upper() + ordinal[1:]
    if value == 1 and words.roman_first:
        ordinal = words.roman_first
    cardinal = words.roman_first if value == 1 else ""
    cardinal = cardinal or icu.spelled(words.language, value)
    if words.roman_ordinal_upto and value > words.roman_ordinal_upto:
        ordinal = cardinal
    dot = "." if match[0].endswith(".") and match.end() == len(match.string) else ""
    return f"{name} {words.roman.format(ordinal=ordinal, cardinal=cardinal)}{dot}"


def _ordinal(name: str, words: Words) -> str:
    if words.roman_feminine_ends and name[-1] in words.roman_feminine_ends.split():
        return "spellout-ordinal-feminine"
    return {"en": "spellout-ordinal", "de": "spellout-ordinal", "nl": "spellout-ordinal",
            "tr": "spellout-ordinal"}.get(words.language, "spellout-ordinal-masculine")  # fmt: skip


def _value(numeral: str) -> int:
    values = [_VALUES[each] for each in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-one if one < following else one for one, following in pairs)
