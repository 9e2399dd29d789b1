"""Written forms brought into the one that the rules behind know; footnotes are left out.

Nothing is said here yet: "2024-03-05T10:30Z" becomes a date and a time, "1 000" a grouped number.
"""

import re
from typing import Final

from vdx.speech.text.normalise.measures import CODES, SYMBOLS
from vdx.speech.text.normalise.spans import LEFT, NO_WORD, RIGHT, SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_FOOTNOTE: Final = re.compile(
    r"(?<=[^\W\d_]{2})(?:\[\d{1,3}\])+|(?<=[.,;!?”»\"\u3400-\u9fff。，])(?:\[\d{1,3}\])+"
    r"|(?<=[^\W\d_]{4})[¹²³\u2070\u2074-\u2079]+|(?<=[.,;!?\u3400-\u9fff])[¹\u2070\u2074-\u2079]+"
)
_STAMP: Final = re.compile(
    rf"{NO_WORD}(?<!-)(\d{{4}}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)"
    rf"(?:[.,]\d+)?(?:(Z)|([+-])(\d\d):?(\d\d))?{RIGHT}"
)
_SPACED: Final = re.compile(rf"{LEFT}(?<![+-])(\d{{1,3}}(?: 000)+)(?![\d.,:-]*\d)")
_APOSTROPHES: Final = re.compile(r"(?<![\w.,])\d{1,3}(?:['’]\d{3})+(?!\d)")
_DOTTED: Final = re.compile(rf"{LEFT}\d{{1,3}}(?:\.\d{{3}}){{2,}}(?!\.?\d)")
_NO_WHOLE: Final = re.compile(r"(?<![\w.,)\]])\.(?=\d)")
_MONEY_RANGE: Final = re.compile(
    r"([$€£])(\d[\d,]*)([-\u2013])(\d[\d,]*)(?![\d.]|\s?[A-Za-z]*illi)"
)
_MONEY_TO: Final = re.compile(r"(?<=[$€£MmKkBb])(?<=\d.)[-\u2013](?=[$€£]\d|\d+\s?[$€£])")
_NO_CENTS: Final = re.compile(r"(?<=\d),[-\u2013\u2014]{1,2}(?![\w-])")
_DIFFERENCE: Final = re.compile(r"(?<=\d)\s?[-\u2013\u2212]\s?(?=\d+\s?=)")
_PRODUCT: Final = re.compile(r"(?<=\d)(\s?)x\1(?=\d)")
_SCIENTIFIC: Final = re.compile(rf"{LEFT}(?<!-)(\d(?:[.,]\d+)?)[eE]([+-]?)(\d{{1,3}})(?!\w)")
_HOURS_AND_MINUTES: Final = re.compile(rf"{LEFT}(\d+)\s?h\s?([0-5]?\d)\s?m(?![\w²³/])")
_DEGREE: Final = re.compile(
    rf"{LEFT}(\d{{1,2}})°(?=\s(?!(?:nord|sud|est|ovest|norte|sur|sul|este|oeste|con|com|che|que|per|"
    r"por|para)\b)[a-zà-ÿ]{3})"
)
"""The sign of degrees is written for the ordinal one, before a noun: "3° piano"."""
_EXPONENT: Final = re.compile(r"(?<=\d)([\u2070¹²³\u2074-\u2079]{2,}|[\u2070¹\u2074-\u2079])")
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def footnotes(text: SpanText, _words: Words) -> SpanText:
    """Marks of footnotes behind a word or a sentence; "mc²" and "a[1]" have none."""
    return text.rewrite(_FOOTNOTE, lambda _: "", parted=False)


def forms(text: SpanText, words: Words) -> SpanText:
    """Timestamps, ranges, sums and powers, and numbers grouped as in another country."""
    text = text.rewrite(_STAMP, _stamp)
    text = text.rewrite(_EXPONENT, lambda m: "^" + m[0].translate(_SUPERSCRIPTS), parted=False)
    text = text.rewrite(_MONEY_RANGE, lambda m: f"{m[2]}{m[3]}{m[4]}{m[1]}")
    text = text.rewrite(_MONEY_TO, lambda _: f" {words.range} ", parted=False)
    text = text.rewrite(_NO_CENTS, lambda _: "", parted=False)
    text = text.rewrite(_DIFFERENCE, lambda _: " \u2212 ", parted=False)
    text = text.rewrite(_SCIENTIFIC, lambda m: f"{m[1]} × 10^{m[2].strip('+')}{m[3]}")
    text = text.rewrite(_PRODUCT, lambda _: " × ", parted=False)
    if "º" in words.ordinals:
        text = text.rewrite(_DEGREE, lambda m: f"{m[1]}º")
    text = text.rewrite(_HOURS_AND_MINUTES, lambda m: f"{m[1]} h {m[2]} min")
    text = _grouped(text, words)
    return _times(text, words)


def _stamp(match: re.Match[str]) -> str:
    date, time, zulu, sign, hours, minutes = match.groups()
    said = f"{date} {time}"
    if zulu:
        return f"{said} UTC"
    if not sign:
        return said
    rest = f":{minutes}" if minutes != "00" else ""
    return f"{said} UTC {sign}{int(hours)}{rest}"


def _grouped(text: SpanText, words: Words) -> SpanText:
    group = " " if " " in words.group else words.group

    def dotted(match: re.Match[str]) -> str | None:
        parts = match[0].split(".")
        is_address = len(parts) == len("IPv4") and set(parts[1:]) != {"000"}
        return None if is_address else "".join(parts)

    if " " not in words.group:
        text = text.rewrite(_SPACED, lambda m: m[1].replace(" ", group))
    text = text.rewrite(_APOSTROPHES, lambda m: re.sub("['’]", group, m[0]))
    if words.decimal == ".":
        return text.rewrite(_NO_WHOLE, lambda _: "0.", parted=False)
    return text.rewrite(_DOTTED, dotted)


def _times(text: SpanText, words: Words) -> SpanText:
    """Times with a dot before the word for them, and a hyphen between two times."""
    hour = r"(?:[01]?\d|2[0-4])"
    clock = rf"{hour}:[0-5]\d(?:\s?[ap]m)?|{hour}\s?[ap]m"
    if words.time_letter:
        clock += rf"|{hour}{words.time_letter}(?:[0-5]\d)?"
    if words.clock:
        dotted = re.compile(rf"(?<![\d.,])({hour})\.([0-5]\d)(?=\s?(?:{words.clock})(?!\w))")
        text = text.rewrite(dotted, lambda m: f"{m[1]}:{m[2]}")
    if words.clock_before:
        ahead = "|".join(words.clock_before.split())
        dotted = re.compile(
            rf"(?<!\w)((?:{ahead})\.?\s)({hour})\.([0-5]\d)(?![\d.,]*\d|\s?{_amounts(words)})"
        )
        text = text.rewrite(dotted, lambda m: f"{m[1]}{m[2]}:{m[3]}")
    if words.language == "tr":  # "14.05'te"
        dotted = re.compile(rf"(?<![\d.,])({hour})\.([0-5]\d)(?=['’][td][ea]n?\b)")
        text = text.rewrite(dotted, lambda m: f"{m[1]}:{m[2]}")
    dash = r"\s?[-\u2013\u2014~\u301c\uff5e]\s?"
    between = re.compile(rf"{LEFT}({clock}){dash}(?=(?:{clock}){RIGHT}(?!:))")
    joint = "" if words.language in ("zh", "ja") else " "
    return text.rewrite(between, lambda m: f"{m[1]}{joint}{words.range}{joint}", parted=False)


def _amounts(words: Words) -> str:
    """A pattern of what tells an amount from a time: "do 5.50 zł"."""
    names = {*SYMBOLS, *CODES, *words.currency_words, *words.scales}
    names.update(*(forms.values() for forms in words.money.values()))
    return rf"(?:%|(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?!\w))"


def short_dates(text: SpanText, words: Words) -> SpanText:
    """The abbreviation behind a year (in Russian that of a gram as well)."""
    for short, (full, before, after_word) in words.year_short.items():
        pattern = re.compile(rf"(?<=\d{{4}})\s?{re.escape(short)}\.(?!\w)")

        def say(
            match: re.Match[str], said: tuple[str, str, str] = (full, before, after_word)
        ) -> str:
            start = match.string[: match.start() - len("2024")].split()
            word = said[2] if start and start[-1].casefold() == said[1] else said[0]
            return f" {word}" + ("." if ends_text(match) else "")

        text = text.rewrite(pattern, say)
    return text
