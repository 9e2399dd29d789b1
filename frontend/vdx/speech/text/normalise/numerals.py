"""Numbers as they are written in a language, and their words."""

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vdx.speech.text.normalise import icu
from vdx.speech.text.normalise.words import Words

MOST_DIGITS = 12
"""A longer number is read digit by digit, as people read it; so is one that begins with 0."""
_SCALES: Final = (10**3, 10**6, 10**9)
_SPACES = " \u00a0\u202f"


@dataclass(frozen=True, slots=True)
class Number:
    """A number without its sign; `fraction` are the digits after the decimal sign."""

    whole: str
    fraction: str = ""
    grouped: bool = False

    @property
    def value(self) -> Decimal:
        return Decimal(f"{self.whole}.{self.fraction or 0}")


@functools.cache
def pattern(language_decimal: str, language_group: str) -> str:
    """A regular expression, without groups, of what is one number in a language."""
    groups = _SPACES + "'" if " " in language_group else ""
    groups = re.escape(groups + language_group.strip())
    decimals = re.escape("".join(sorted({language_decimal, "."})))
    indian = r"\d{1,2}(?:,\d\d)+,\d{3}(?!\d)|" if language_group == "," else ""
    whole = rf"(?:{indian}\d{{1,3}}(?:[{groups}]\d{{3}})+(?!\d)|\d+)"
    return rf"{whole}(?:[{decimals}]\d+)?(?![{decimals}]?\d)"


def of(words: Words) -> str:
    """The same for a language's words."""
    return pattern(words.decimal, words.group)


def read(text: str, words: Words) -> Number:
    """What matched `pattern`."""
    groups = words.group.replace(" ", _SPACES + "'")
    last = max(text.rfind(words.decimal), text.rfind("."))
    parts = re.split(f"[{re.escape(groups)}]", text[:last] if last > 0 else text)
    is_decimal = text[last] == words.decimal or not _is_group(text, last, words)
    # Behind a decimal sign there are no groups: "1.000 000" is grouped in two ways.
    if last > 0 and is_decimal and text[last + 1 :].isdigit():
        return Number("".join(parts), text[last + 1 :], grouped=len(parts) > 1)
    whole = re.sub(r"\D", "", text)
    return Number(whole, grouped=whole != text)


def _is_group(text: str, at: int, words: Words) -> bool:
    """Whether a dot, in a language whose decimal sign it is not, parts thousands."""
    return "." in words.group and len(text) - at == len("000") + 1 and at <= len("000")


def said(number: Number, words: Words, ruleset: str = "") -> str:
    """A number in words."""
    language = words.language
    if not number.fraction:
        if not number.grouped and _is_code(number.whole):
            return digits(number.whole, words)
        return _zeros(icu.spelled(language, int(number.whole), ruleset), words)
    if language == "ru" and len(number.fraction) <= len("000"):
        # CLDR names the decimals: three whole, five hundredths.
        return icu.spelled(language, float(number.value))
    whole = _zeros(icu.spelled(language, int(number.whole)), words)
    joint = "" if language in ("zh", "ja") else " "
    return f"{whole}{joint}{words.point}{joint}{digits(number.fraction, words)}"


def digits(text: str, words: Words) -> str:
    """Digit by digit."""
    joint = "" if words.language in ("zh", "ja") else " "
    return joint.join(_zeros(icu.spelled(words.language, int(each)), words) for each in text)


def counted(number: Number, words: Words, thing: str) -> str:
    """A number before a unit or currency: in its gender, which matters where it ends in 1 or 2."""
    if number.fraction:
        return said(number, words)
    if number.whole == "2" and words.two_before_unit:
        return words.two_before_unit
    gender = words.gender.get(thing, "masculine")
    if number.whole == "1" and gender in words.one:
        return words.one[gender]
    return gendered(number, words, gender)


def gendered(number: Number, words: Words, gender: str) -> str:
    """A whole number in a gender, which may have a case behind it ("feminine-genitive")."""
    if words.feminine_numbers:
        return _feminine(number, words) if gender == "feminine" else said(number, words)
    return said(number, words, f"spellout-cardinal-{gender}" if has_gender(words) else "")


def _feminine(number: Number, words: Words) -> str:
    """Below 100, of a language for which CLDR has no such words; others as they are."""
    value, plain = int(number.whole), said(number, words)
    if value in words.feminine_numbers:
        return words.feminine_numbers[value]
    ones = value % 10
    if value >= 100 or ones not in words.feminine_numbers:
        return plain
    return words.feminine_numbers[ones] + plain.removeprefix(said(Number(str(ones)), words))


def scaled(number: Number, word: str, words: Words) -> str:
    """A number of millions, say, with the form of the word that the number asks for."""
    if not number.fraction:
        for value in _SCALES:
            five = icu.spelled(words.language, 5)
            if icu.spelled(words.language, 5 * value) == f"{five} {word}":
                said_whole = icu.spelled(words.language, int(number.whole) * value)
                return _zeros(said_whole, words)
    elif word in words.scale_parts:
        word = words.scale_parts[word]
    return f"{said(number, words)} {word}"


def has_gender(words: Words) -> bool:
    return bool(words.gender)


def _is_code(whole: str) -> bool:
    return len(whole) > MOST_DIGITS or (len(whole) > 1 and whole[0] == "0")


def _zeros(text: str, words: Words) -> str:
    return text.replace("〇", words.zero) if words.zero else text
