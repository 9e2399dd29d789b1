"""Signs between and before numbers, fractions, ordinals, Roman numerals, and what is left."""

import re
import unicodedata
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.measures import SYMBOLS, UNITS
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import LEFT, RIGHT, SpanText
from vdx.speech.text.normalise.words import Words

_MINUS: Final = "-\u2212\u2013"
_CURRENCY: Final = r"(?:[A-Z]{2})?[$€£¥₽₴₹₩₺]"
_SIGN: Final = re.compile(rf"(?<![^\s(=<>+*×÷/\[:;,\u3000-\u9fff])[{_MINUS}](?=\s?{_CURRENCY}?\s?\d)(?!\s)")
_RANGE: Final = re.compile(r"(?<=\d)(?<![-–—]\d)(?<![-–—]\d\d)(?:[-\u2013\u2014~〜]|\s[\u2013\u2014]\s)(?=[$€£]?\d)")
_OPERATORS: Final = {
    "×": "times", "*": "times", "·": "times", "÷": "divided", "+": "plus", "=": "equals",
    "<": "less", ">": "greater", "±": "plus_minus", "−": "minus", "-": "minus",
}  # fmt: skip
_BETWEEN: Final = re.compile(r"(?<=[\w)%°²³])(\s?)([×*·÷+=<>±\u2212])(\s?)(?=[\w(\u2212$€£-])|(?<=\d)\s-\s(?=\d)")
_FRACTIONS: Final = re.compile(
    rf"{LEFT}(?<!/)(?:(\d+)[ \u00a0])?(\d{{1,3}})[/\u2044](\d{{1,3}}){RIGHT}(?![\d/]|[.,]\d)"
)
_VULGAR: Final = re.compile(r"(\d+)?\s?([\u00bc-\u00be\u2150-\u215e])")
_ROMAN: Final = r"(?=[IVXL]{2}|[VX])(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?<=[IVXLC])"
_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}


def minus(text: SpanText, words: Words) -> SpanText:
    """A sign before digits or a currency; "plus" before a telephone number; "about"."""
    text = text.rewrite(_SIGN, lambda _: _spaced(words, "minus"))
    text = text.rewrite(re.compile(r"[~≈∼]\s?(?=[$€£]?\d)"), lambda _: _spaced(words, "about"))
    text = text.rewrite(re.compile(r"(?<!\S)±\s?(?=\d)"), lambda _: _spaced(words, "plus_minus"))
    return text.rewrite(re.compile(r"(?<!\S)\+(?=\d)"), lambda _: _spaced(words, "plus"))


def _spaced(words: Words, sign: str) -> str:
    return words.signs[sign] if words.language in ("zh", "ja") else f"{words.signs[sign]} "


def phones(text: SpanText, words: Words) -> SpanText:
    """Telephone numbers, and groups of digits with several hyphens, are read digit by digit."""
    phone = re.compile(r"(?<![\w.,])\+\d[\d ()/-]{6,}\d|(?<![\w.,-])\(?\d{3}\)?[- ]\d{3}-\d{4}(?!\d)|(?<![\w.,-])\d{3}-\d{4}(?![\d-])")
    plus = words.signs["plus"]

    def say(match: re.Match[str]) -> str:
        groups = re.findall(r"\d+", match[0])
        joint = "" if words.language in ("zh", "ja") else " "
        said = ", ".join(numerals.digits(each, words) for each in groups)
        return f"{plus}{joint}{said}" if match[0].startswith("+") else said

    return text.rewrite(phone, say)


def ranges(text: SpanText, words: Words) -> SpanText:
    """A hyphen or dash between digits."""
    if words.range_end:
        units = "|".join(map(re.escape, (*UNITS, *words.units, *words.scales, *SYMBOLS)))
        pattern = re.compile(
            rf"(?<![\d.,-])(\d+)[-\u2013\u2014](\d+)(?![\d.,-]*\d)(?!-)(?!\s?(?:{units})(?!\w))"
        )
        end = words.range_end
        text = text.rewrite(
            pattern,
            lambda m: f"{m[1]} {words.range} {numerals.said(Number(m[2]), words, end)}",
        )
    return text.rewrite(_RANGE, lambda _: f" {words.range} " if words.language not in ("zh", "ja") else words.range)


def fractions(text: SpanText, words: Words) -> SpanText:
    """ "1/2", "2 1/2", "½": those with a name by it, others one number over another."""

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
        if not match[1]:
            return said
        whole = numerals.said(Number(match[1]), words)
        return words.and_fraction.format(whole=whole, fraction=said)

    return text.rewrite(_VULGAR, vulgar).rewrite(_FRACTIONS, say)


def operators(text: SpanText, words: Words) -> SpanText:
    """Signs of arithmetic between operands; on both sides a digit, a bracket or a short name."""

    def say(match: re.Match[str]) -> str | None:
        sign = match[2] or "-"
        around = match.string[: match.start()][-1:] + match.string[match.end() :][:1]
        if sign != "=" and not any(c.isdigit() or c in "()²³" for c in around):
            if not (match[1] and match[3]):
                return None
        word = words.signs[_OPERATORS[sign]]
        return word if words.language in ("zh", "ja") else f" {word} "

    return text.rewrite(_BETWEEN, say)


def ordinals(text: SpanText, words: Words) -> SpanText:
    """Numbers with a suffix that makes them ordinals."""
    for suffix, ruleset in words.ordinals.items():
        if suffix == ".":
            # Inside a clause only: at its end the full stop ends the sentence.
            pattern = re.compile(r"(?<![\w.,:])(\d{1,2})\.(?=\s\w)")
        else:
            pattern = re.compile(rf"(?<![\w.,])(\d+){re.escape(suffix)}(?!\w)")

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
    if words.roman_ordinal_dot:
        before = re.compile(rf"(?<![\w.])({_ROMAN})\.(?=\s[^\W\d_])")
        text = text.rewrite(
            before, lambda m: icu.spelled(words.language, _value(m[1]), "spellout-ordinal")
        )
    dot = r"\.?" if words.roman_capital else ""
    pattern = re.compile(rf"(?<![\w.])([^\W\d_]+) ({_ROMAN}|I(?=\.?\s[^\W\d_]|\.?$|[,;:)]))\b{dot}(?![-'’])")  # noqa: RUF001
    return text.rewrite(pattern, lambda m: _ruler(m, words))


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


def numbers(text: SpanText, words: Words) -> SpanText:
    """Every number that no rule before has said; versions and addresses part by part."""
    dot = words.signs["dot"] if words.language != "en" else words.point
    text = text.rewrite(
        re.compile(r"(?<![\d.])\d+(?:\.\d+){2,}"),
        lambda m: f" {dot} ".join(numerals.said(Number(each), words) for each in m[0].split(".")),
    )
    hash_sign = re.compile(r"(?:#|№\s?)(?=\d)")
    text = text.rewrite(hash_sign, lambda _: _spaced(words, "number"))
    text = text.rewrite(re.compile(r"§\s?(?=\d)"), lambda _: _spaced(words, "section"))
    if words.native_before:
        things = "|".join(words.native_before.split())
        text = text.rewrite(
            re.compile(rf"(?<![\d.,])(\d{{1,2}})(?=\s?(?:{things}))"),
            lambda m: icu.spelled(words.language, int(m[1]), "spellout-cardinal-native-attributive"),
        )
    pattern = re.compile(rf"(?<![\d.,]){numerals.of(words)}")
    text = text.rewrite(pattern, lambda m: numerals.said(numerals.read(m[0], words), words))
    return text.rewrite(re.compile(r"\d+"), lambda m: numerals.said(Number(m[0]), words))


def rest(text: SpanText, words: Words) -> SpanText:
    """Signs that are said wherever they stand, and slashes, which part words."""
    text = text.rewrite(re.compile(r"\s?&\s?"), lambda _: f" {words.signs['and']} ")
    for sign, name in (("²", "squared"), ("³", "cubed")):
        joint = "" if words.language in ("zh", "ja", "ko") else " "
        text = text.rewrite(re.compile(sign), lambda _, word=joint + words.signs[name]: word)
    text = text.rewrite(re.compile(r"(?<=\w)/(?=\w)"), lambda _: " ")
    return text.rewrite(re.compile(r"(?<=\w)_+(?=\w)"), lambda _: " ")
