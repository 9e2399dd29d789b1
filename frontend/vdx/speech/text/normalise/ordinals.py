"""Ordinals, and Roman numerals behind a name: of kings and popes, of chapters and wars."""

import re
from functools import partial
from typing import Final

from vdx.speech.text.normalise import icu
from vdx.speech.text.normalise.calendar import before, in_case, ordinal_of_table
from vdx.speech.text.normalise.spans import SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_ROMAN: Final = r"(?=[IVXL]{2}|[VX])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])"
_AFTER_FIRST: Final = re.compile(
    r"['’]?\s*(?:$|[.,;:!?)]|(?:of|and|was|is|died|became|reigned|ruled|had|who|in|s)\b)"
)
_SOFT: Final = {"ий": "ій", "а": "я", "е": "є", "ого": "ього", "ому": "ьому", "их": "іх"}
"""Endings of the one Ukrainian ordinal that ends softly."""
_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def ordinals(text: SpanText, words: Words) -> SpanText:
    """Numbers with a suffix that makes them ordinals."""
    for suffix, ruleset in words.ordinals.items():
        if suffix == ".":
            # Inside a clause only: at its end the full stop ends the sentence.
            pattern = re.compile(r"(?<![\w.,:])(\d{1,2})\.(?=\s\w)")
        else:
            pattern = re.compile(rf"(?<![\w.,])(\d+){re.escape(suffix)}(?!\w)", re.IGNORECASE)
        tens = words.ordinal_tens.get(suffix, ruleset)
        text = text.rewrite(pattern, partial(_suffixed, words, ruleset, tens))
    if words.ordinal_adjectives:
        ends = "|".join(sorted(words.ordinal_adjectives, key=len, reverse=True))
        text = text.rewrite(
            re.compile(rf"(?<![\w.,])(\d{{1,4}})-({ends})(?!\w)"),
            lambda m: adjective(int(m[1]), words.ordinal_adjectives[m[2]], words),
        )
    return text


def _suffixed(words: Words, ruleset: str, tens: str, match: re.Match[str]) -> str:
    if match[1].endswith("0"):
        ruleset = tens
    said = icu.spelled(
        words.language, int(match[1]), words.ordinal_after.get(before(match), ruleset)
    )
    for end, correct in words.ordinal_ends.items():
        if said.endswith(end):
            said = said[: -len(end)] + correct
    return said


def adjective(number: int, ending: str, words: Words) -> str:
    """An ordinal made of that in `ordinal_words`, a genitive, with another ending."""
    said = ordinal_of_table(number, words)
    soft = said.endswith("ього")
    stem = said.removesuffix("ього" if soft else "ого")
    return stem + (_SOFT.get(ending, ending) if soft else ending)


def centuries(text: SpanText, words: Words) -> SpanText:
    """The abbreviation of "century" behind a number: "в XX в.", "XXIe s."."""
    for short, (full, preposition, inflected) in words.century.items():
        number = r"([IVX]+|\d{1,2})((?:-\w{1,3}|er?|ème)?)"
        pattern = re.compile(rf"(?<!\w){number}\s{re.escape(short)}\.(?!\w)")

        def say(
            match: re.Match[str], said: tuple[str, str, str] = (full, preposition, inflected)
        ) -> str | None:
            if not match[2] and match[1].isdigit():
                return None
            word = said[2] if before(match) in said[1].split() else said[0]
            return f"{match[1]}{match[2]} {word}" + ("." if ends_text(match) else "")

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
        in_front = re.compile(rf"(?<![\w.])(?=[IVX])([IVX]+)(?=\s{word}\b)")
        text = text.rewrite(in_front, partial(_in_order, words, ruleset))
    if words.roman_ordinal_dot:
        dotted = re.compile(rf"(?<![\w.])({_ROMAN})\.(?=\s[^\W\d_])")
        text = text.rewrite(
            dotted, lambda m: icu.spelled(words.language, _value(m[1]), "spellout-ordinal")
        )
    dot = r"\.?" if words.roman_capital else r"(?:\.(?=\s[^\W\d_A-ZА-Я]))?"
    pattern = re.compile(
        rf"(?<![\w.])([^\W\d_]+) ({_ROMAN}|I(?=\.?\s[^\W\d_]|\.?$|[,;:)]))\b{dot}(?!-|['’](?!s\b))"
    )
    return text.rewrite(pattern, lambda m: _ruler(m, words))


def _in_order(words: Words, ruleset: str, match: re.Match[str]) -> str:
    value = _value(match[1])
    if words.ordinal_adjectives:
        return adjective(value, ruleset, words)
    return icu.spelled(words.language, value, in_case(ruleset, before(match), words))


def _ruler(match: re.Match[str], words: Words) -> str | None:
    name, numeral = match[1], match[2]
    value = _value(numeral)
    if name.casefold() in words.roman_cardinal_after.split():
        return f"{name} {icu.spelled(words.language, value)}"
    if name.casefold() in words.roman_after.split():
        return f"{name} {icu.spelled(words.language, value, 'spellout-ordinal-masculine')}"
    # "I" is a word, "V" and "X" are names as well: only after a name do they count.
    if not name[:1].isupper() or name.isupper():
        return None
    if numeral == "I" and words.language == "en" and not _is_first(match, words):
        return None
    feminine = name.casefold() in words.roman_feminine_names.split()
    if words.ordinal_adjectives:
        ordinal = adjective(value, "а" if feminine else "ий", words)
    else:
        ordinal = icu.spelled(words.language, value, _ordinal(words, feminine=feminine))
    if words.roman_capital:
        ordinal = ordinal[:1].upper() + ordinal[1:]
    if value == 1 and words.roman_first:
        ordinal = words.roman_first
    cardinal = words.roman_first if value == 1 else ""
    cardinal = cardinal or icu.spelled(words.language, value)
    if words.roman_ordinal_upto and value > words.roman_ordinal_upto:
        ordinal = cardinal
    dot = "." if match[0].endswith(".") and match.end() == len(match.string) else ""
    form = words.roman_feminine if feminine and words.roman_feminine else words.roman
    return f"{name} {form.format(ordinal=ordinal, cardinal=cardinal)}{dot}"


def _is_first(match: re.Match[str], words: Words) -> bool:
    """ "James I of England", where "James I know" is none."""
    known = match[1].casefold() in words.roman_first_names.split()
    return known and _AFTER_FIRST.match(match.string, match.end()) is not None


def _ordinal(words: Words, *, feminine: bool) -> str:
    if words.language in ("en", "de", "nl", "tr"):
        return "spellout-ordinal"
    return f"spellout-ordinal-{'feminine' if feminine else 'masculine'}"


def _value(numeral: str) -> int:
    values = [_VALUES[each] for each in numeral]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return sum(-one if one < following else one for one, following in pairs)
