"""Signs between and before numbers, telephone numbers, and signs that are words anywhere."""

import re
from typing import Final

from vdx.speech.text.marks import TASK_DONE, TASK_OPEN
from vdx.speech.text.normalise import numerals
from vdx.speech.text.normalise.measures import SYMBOLS, UNITS
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import NO_WORD, RIGHT, SpanText
from vdx.speech.text.normalise.words import Words

_MINUS: Final = "-\u2212\u2013"
_CURRENCY: Final = r"(?:[A-Z]{1,2})?[$€£¥₽₴₹₩₺]"
_SIGN: Final = re.compile(
    rf"(?<![^\s(（=<>≤≥+*×÷/\[:;,«»“„\"'‘\u3000-\u9fff])[{_MINUS}](?=\s?{_CURRENCY}?\s?\d)(?!\s)"
)
_RANGE: Final = re.compile(
    r"(?<=[\d%٪])(?<![-–—]\d)(?<![-–—]\d\d)(?:[-\u2013\u2014~〜～]|\s[\u2013\u2014]\s)(?=[$€£]?\d)"
)
_TILDE: Final = re.compile(r"(?<=[\d%٪])[~〜～](?=[-\u2212]?\d)")
_OPERATORS: Final = {
    "×": "times", "*": "times", "·": "times", "÷": "divided", "+": "plus", "=": "equals",
    "≠": "not_equal",
    "<": "less", ">": "greater", "±": "plus_minus", "−": "minus", "-": "minus",
}  # fmt: skip
_BETWEEN: Final = re.compile(
    r"(?<=[\w)%°²³])(\s?)([×*·÷+=≠<>±\u2212])(\s?)(?=[\w(\u2212$€£-])|(?<=\d)\s-\s(?=\d)"
)
_HERE: Final = rf"{NO_WORD}(?<![.,-])"
_PHONE: Final = re.compile(
    rf"{NO_WORD}(?<![.,])\+\d[\d ()/-]{{6,}}\d|{_HERE}\(?\d{{3}}\)?[- ]\d{{3}}-\d{{4}}(?!\d)"
    rf"|{_HERE}\d{{3}}-\d{{4}}(?![\d-])"
    rf"|{_HERE}0\d{{2,4}}[ /-](?:\d{{5,8}}|\d{{3,4}}[ -]\d{{3,4}})(?![\d-])"
    rf"|{_HERE}8[ -]\(?\d{{3}}\)?[ -]\d{{3}}[ -]\d\d[ -]\d\d(?![\d-])"
    rf"|{_HERE}(?!\d{{4}}-\d\d?-\d\d?(?!\d)|\d\d?-\d\d?-\d{{4}})\d+(?:-\d+){{2,}}{RIGHT}(?!-)"
)
_DIGITS: Final = re.compile(rf"{NO_WORD}(?<![.,-])\(?\d[\d ()/-]{{4,}}\d{RIGHT}(?![.,-]\d)")
_TELEPHONE: Final = re.compile(
    r"(?:\b(?:tel|phone|mobile|cell|fax|handy|fon|t[ée]l[ée]phone|tel[eé]fo(?:n|no|ne|on)"
    r"(?:nummer|numara|u|em|ie)?|телефон\w{0,3}|телефону)|电话|電話|전화|फ़ोन|هاتف)"
    r"(?: (?:number|no|nummer|número|numéro|numero|numer|номер))?"
    r"(?: (?:is|ist|est|es|è|é))?[.:：]?\s?$",
    re.IGNORECASE,
)
"""What stands before a telephone number, of which nothing else may be telling."""
_MOBILE: Final = re.compile(r"(?<![\d.,-])1[3-9]\d{9}(?![\d.,-]*\d)")
"""Of China, where a telephone number has no signs in it."""


def comparisons(text: SpanText, words: Words) -> SpanText:
    """ "≥", "<" and others before a number; between names they are said by `operators`."""
    for signs, name in (("≥≧⩾", "at_least"), ("≤≦⩽", "at_most")):
        pattern = re.compile(rf"\s?[{signs}]\s?(?=[\d$€£\u2212-])")
        text = text.rewrite(pattern, lambda _, name=name: f" {spaced(words, name)}")  # type: ignore[misc]
    return text.rewrite(
        re.compile(r"(?<![^\s(])[<>]\s?(?=\d)"),
        lambda m: spaced(words, _OPERATORS[m[0][0]]),
    )


def minus(text: SpanText, words: Words) -> SpanText:
    """A sign before digits or a currency; "plus" before a telephone number; "about"."""
    text = text.rewrite(_SIGN, lambda _: spaced(words, "minus"))
    text = text.rewrite(re.compile(r"[~≈∼]\s?(?=[$€£]?\d)"), lambda _: spaced(words, "about"))
    text = text.rewrite(
        re.compile(r"(?<![\w)])±\s?(?=[\d%])"), lambda _: spaced(words, "plus_minus"), parted=False
    )
    text = text.rewrite(re.compile(r"√\s?(?=\d)"), lambda _: spaced(words, "root"))
    return text.rewrite(re.compile(r"(?<!\S)\+(?=\d)"), lambda _: spaced(words, "plus"))


def spaced(words: Words, sign: str) -> str:
    return words.signs[sign] if words.language in ("zh", "ja") else f"{words.signs[sign]} "


def phones(text: SpanText, words: Words) -> SpanText:
    """Telephone numbers, and groups of digits with several hyphens, are read digit by digit."""
    plus = words.signs["plus"]

    def say(match: re.Match[str]) -> str:
        groups = re.findall(r"\d+", match[0])
        joint = "" if words.language in ("zh", "ja") else " "
        said = ", ".join(numerals.digits(each, words) for each in groups)
        return f"{plus}{joint}{said}" if match[0].startswith("+") else said

    def after_word(match: re.Match[str]) -> str | None:
        return say(match) if _TELEPHONE.search(match.string[: match.start()]) else None

    text = text.rewrite(_PHONE, say).rewrite(_DIGITS, after_word)
    return text.rewrite(_MOBILE, say) if words.language == "zh" else text


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
    joint = "" if words.language in ("zh", "ja") else " "
    said = f"{joint}{words.range}{joint}"
    return text.rewrite(_TILDE, lambda _: said).rewrite(_RANGE, lambda _: said)


def operators(text: SpanText, words: Words) -> SpanText:
    """Signs of arithmetic between operands; on both sides a digit, a bracket or a short name."""

    def say(match: re.Match[str]) -> str | None:
        sign = match[2] or "-"
        around = match.string[: match.start()][-1:] + match.string[match.end() :][:1]
        beside = any(char.isdigit() or char in "()²³" for char in around)
        if sign not in "=≠" and not beside and not (match[1] and match[3]):
            return None
        word = words.signs[_OPERATORS[sign]]
        return word if words.language in ("zh", "ja") else f" {word} "

    return text.rewrite(_BETWEEN, say)


def rest(text: SpanText, words: Words) -> SpanText:
    """Signs that are said wherever they stand, and slashes, which part words."""
    text = text.rewrite(re.compile(r"\s?&\s?"), lambda _: f" {words.signs['and']} ")
    for sign, name in ((TASK_DONE, "done"), (TASK_OPEN, "undone")):
        text = text.replace(sign, words.signs[name])
    for sign, name in (("²", "squared"), ("³", "cubed")):
        joint = "" if words.language in ("zh", "ja", "ko") else " "
        text = text.replace(sign, joint + words.signs[name])
    if words.language == "zh":  # "公里/小时"
        text = text.rewrite(re.compile(r"(?<=\w)/(?=小时|分钟|秒|天|月|年|人|次)"), lambda _: "每")
    text = text.rewrite(re.compile(r"(?<=\w)/(?=\w)"), lambda _: " ")
    return text.rewrite(re.compile(r"(?<=\w)_+(?=\w)"), lambda _: " ")
