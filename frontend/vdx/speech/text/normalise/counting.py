"""Fractions, and every number that no other rule has said."""

import re
import unicodedata
from decimal import Decimal
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.measures import UNITS
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.signs import spaced
from vdx.speech.text.normalise.spans import LEFT, RIGHT, SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_FRACTION: Final = rf"{LEFT}(?<!/)(?:(\d+)[ \u00a0])?(\d{{1,3}})[/\u2044](\d{{1,3}})"
_NO_MORE: Final = rf"{RIGHT}(?![\d/]|[.,]\d)"
_SCALES: Final = (10**3, 10**6, 10**9)
_VULGAR: Final = re.compile(r"(\d+)?\s?([\u00bc-\u00be\u2150-\u215e])")


def fractions(text: SpanText, words: Words) -> SpanText:
    """ "1/2", "2 1/2 km", "½": those with a name by it, others one number over another."""
    units = {**UNITS, **words.units}
    names = "|".join(map(re.escape, sorted(units, key=len, reverse=True)))
    pattern = re.compile(rf"{_FRACTION}(?:\s?({names}){RIGHT}(?![/²³])|{_NO_MORE})")

    def vulgar(match: re.Match[str]) -> str:
        plain = unicodedata.normalize("NFKC", match[2]).replace("\u2044", "/")
        return f"{match[1]} {plain}" if match[1] else plain

    def say(match: re.Match[str]) -> str | None:
        if match[3] == "0" * len(match[3]):
            return None
        said = words.fractions.get(f"{match[2]}/{match[3]}")
        if said is None:
            above, below = (numerals.said(Number(match[i]), words) for i in (2, 3))
            said = words.over.format(a=above, b=below)
        elif match[1] and match[2] == "1" and words.half and match[3] == "2":
            said = words.half
        if match[1]:
            whole = numerals.said(Number(match[1]), words)
            said = words.and_fraction.format(whole=whole, fraction=said)
        return _of_unit(said, units[match[4]], match[1], words) if match[4] else said

    return text.rewrite(_VULGAR, vulgar).rewrite(pattern, say)


def _of_unit(said: str, unit: str, whole: str | None, words: Words) -> str:
    if unit == "percent" and words.percent:
        return words.percent.format(n=said)
    of_half = words.language in ("ru", "uk", "pl")  # "half of a kilometre", in the genitive
    value = Decimal("0.5") if of_half else Decimal(2 if whole else 1)
    before, after = icu.with_unit(words.language, value, unit)
    measure = f"{before}{said}{after}"
    return measure.replace(" ", "") if words.language in ("zh", "ja") else measure


def numbers(text: SpanText, words: Words) -> SpanText:
    """Every number that no rule before has said; versions and addresses part by part."""
    dot = words.signs["dot"] if words.language != "en" else words.point
    text = text.rewrite(
        re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}(?::\d+)?"),
        lambda m: ", ".join(_dotted(each, dot, words) for each in m[0].split(":")),
    )
    hash_sign = re.compile(r"(?:#|№\s?|\b[nN][°º]\s?)(?=\d)")
    said = words.signs["number"]
    text = text.rewrite(re.compile(rf"\b{said}\s#(?=\d)"), lambda _: f"{said} ")
    text = text.rewrite(hash_sign, lambda _: spaced(words, "number"))
    text = text.rewrite(re.compile(r"§+\s?(?=\d)"), lambda _: spaced(words, "section"))
    if words.native_before:
        things = "|".join(words.native_before.split())
        text = text.rewrite(
            re.compile(rf"(?<![\d.,])(\d{{1,2}})(?=\s?(?:{things}))"),
            lambda m: icu.spelled(
                words.language, int(m[1]), "spellout-cardinal-native-attributive"
            ),
        )
    if words.two_before:
        things = "|".join(words.two_before.split())
        pattern = re.compile(rf"(?<![\d.,第])2(?=\s?(?:{things}))")
        text = text.rewrite(pattern, lambda _: words.two_before_unit)
    text = _scaled(text, words)
    pattern = re.compile(rf"(?<![\d.,]){numerals.of(words)}")
    text = text.rewrite(pattern, lambda m: numerals.said(numerals.read(m[0], words), words))
    return text.rewrite(re.compile(r"\d+"), lambda m: numerals.said(Number(m[0]), words))


def _dotted(text: str, dot: str, words: Words) -> str:
    return f" {dot} ".join(numerals.said(Number(each), words) for each in text.split("."))


def powers(text: SpanText, words: Words) -> SpanText:
    """ "10^6" and "2^-3"."""

    def say(match: re.Match[str]) -> str:
        said = numerals.said(Number(match[2]), words)
        said = f"{spaced(words, 'minus')}{said}" if match[1] else said
        joint = "" if words.language in ("zh", "ja", "ko") else " "
        return joint + words.power.format(n=said)

    return text.rewrite(re.compile(r"(?<=[\w)])\^(-?)(\d+)"), say)


def _scaled(text: SpanText, words: Words) -> SpanText:
    """ "5 млн" and "3 bn": a number before the abbreviation of a large one."""
    short = {key: word for key, word in words.scales.items() if len(key) > 1 and key != word}
    short = {key: word for key, word in short.items() if word.casefold() != key}
    if not short:
        return text
    keys = "|".join(map(re.escape, short))
    pattern = re.compile(rf"(?<![\w.,])({numerals.of(words)})\s?({keys})(?!\w)(\.?)", re.IGNORECASE)

    def say(match: re.Match[str]) -> str:
        number = numerals.read(match[1], words)
        said = _million(number, short[match[2].lower()], words)
        return said + ("." if match[3] and ends_text(match) else "")

    return text.rewrite(pattern, say)


def _million(number: Number, word: str, words: Words) -> str:
    """A number of millions, say, with the form of the word that the number asks for."""
    for value in _SCALES:
        if not number.fraction and icu.spelled(words.language, 5 * value).endswith(f" {word}"):
            return icu.spelled(words.language, int(number.whole) * value)
    return f"{numerals.said(number, words)} {word}"
