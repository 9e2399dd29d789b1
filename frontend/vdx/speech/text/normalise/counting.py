"""Fractions, and every number that no other rule has said."""

import re
import unicodedata
from decimal import Decimal
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.measures import units_of
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.signs import spaced
from vdx.speech.text.normalise.spans import LEFT, RIGHT, SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_FRACTION: Final = rf"{LEFT}(?<!/)(?:(\d+)[ \u00a0])?(\d{{1,3}})[/\u2044](\d{{1,3}})"
_NO_MORE: Final = rf"{RIGHT}(?![\d/]|[.,]\d)"
_PARTS: Final = (*range(3, 11), 16, 32, 64)
"""Denominators that English names; "7/12" is seven over twelve."""
_VULGAR: Final = re.compile(r"(?:(\d+)\s?)?([\u00bc-\u00be\u2150-\u215e])")


def fractions(text: SpanText, words: Words) -> SpanText:
    """ "1/2", "2 1/2 km", "½": those with a name by it, others one number over another."""
    units = units_of(words)
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
            if words.language == "en" and int(match[3]) in _PARTS and int(match[2]) < int(match[3]):
                below = icu.spelled("en", int(match[3]), "spellout-ordinal")
                said = f"{above} {below}{'' if match[2] == '1' else 's'}"
        elif match[1] and match[2] == "1" and words.half and match[3] == "2":
            said = words.half
        if match[1]:
            whole = numerals.said(Number(match[1]), words)
            is_half = f"{match[2]}/{match[3]}" == "1/2" and words.and_half
            if is_half and int(match[1]) in words.and_half_words:
                said = words.and_half_words[int(match[1])]
                return _of_unit(said, units[match[4]], match[1], words) if match[4] else said
            joined = words.and_half if is_half else words.and_fraction
            said = joined.format(whole=whole, fraction=said)
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
    hash_sign = re.compile(r"(?:#|№\s?|\b[nN]\.?[°º]\s?)(?=\d)")
    said = words.signs["number"]
    text = text.rewrite(re.compile(rf"\b{said}\s#(?=\d)"), lambda _: f"{said} ")
    text = text.rewrite(hash_sign, lambda _: spaced(words, "number"))
    text = text.rewrite(re.compile(r"§+\s?(?=\d)"), lambda _: spaced(words, "section"))
    if words.native_before:
        things = "|".join(words.native_before.split())
        named = "|".join(words.number_before.split())
        text = text.rewrite(
            re.compile(rf"(?<![\d.,])(\d{{1,2}})(?=\s?(?:{things}))(?!\s?번\s?(?:{named}))"),
            lambda m: icu.spelled(
                words.language, int(m[1]), "spellout-cardinal-native-attributive"
            ),
        )
    if words.two_before:
        things = "|".join(words.two_before.split())
        pattern = re.compile(rf"(?<![\d.,第])2(?=\s?(?:{things}))")
        text = text.rewrite(pattern, lambda _: words.two_before_unit)
    if words.language == "tr":
        # The apostrophe parts a number from its ending: "1990'lar" is one word.
        text = text.rewrite(
            re.compile(rf"(?<![\w.,])({numerals.of(words)})['’]([^\W\d_]+)"),
            lambda m: numerals.said(numerals.read(m[1], words), words) + m[2],
        )
    text = _scaled(text, words)
    pattern = re.compile(rf"(?<![\d.,]){numerals.of(words)}")
    text = text.rewrite(pattern, lambda m: numerals.said(numerals.read(m[0], words), words))
    text = text.rewrite(re.compile(r"\d+"), lambda m: numerals.said(Number(m[0]), words))
    for cldr, said_month in words.month_names.items():
        text = text.rewrite(re.compile(rf"(?<!\w){cldr}"), lambda _, name=said_month: name)  # type: ignore[misc]
    return text


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
    """ "5 млн" and "3 million": a number before a large one, which may be abbreviated."""
    scales = {key: word for key, word in words.scales.items() if len(key) > 1}
    if not scales:
        return text
    keys = "|".join(map(re.escape, sorted(scales, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w.,])({numerals.of(words)})\s?({keys})(?!\w)(\.?)", re.IGNORECASE)

    def say(match: re.Match[str]) -> str:
        number = numerals.read(match[1], words)
        said = numerals.scaled(number, scales[match[2].lower()], words)
        return said + ("." if match[3] and ends_text(match) else "")

    return text.rewrite(pattern, say)
