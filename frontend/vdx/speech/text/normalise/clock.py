"""Years, decades and times of day."""

import re
from functools import partial
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.calendar import before, in_case, year_ordinal, year_said
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import SpanText
from vdx.speech.text.normalise.words import Words

_RATIO: Final = re.compile(
    r"(?<=\d)(?<![:.]\d)(?<![:.]\d\d)[:\u2236](?=(\d+)(?![\d:])([-\u2013]\d)?)"
)
_HALF_DAY: Final = re.compile(r"\s?(?:a\.?m|p\.?m|AM|PM|A M|P M)\b")


def decades(text: SpanText, words: Words) -> SpanText:
    """ "1990s" and "'90s" in English, "1990er" and "90ern" in German."""
    if words.decade_end:
        text = text.rewrite(re.compile(r"\b(\d{3}0)s\b"), lambda m: _decade(int(m[1]), words))
        short = re.compile(r"(?<!\w)['’]?(\d0)s\b")
        text = text.rewrite(short, lambda m: _plural(icu.spelled(words.language, int(m[1])), words))
    if words.decade:
        pattern = re.compile(rf"\b(\d{{1,3}}0)({words.decade}[ns]?)\b")
        text = text.rewrite(pattern, lambda m: year_said(int(m[1]), words) + m[2])
    return text


def years(text: SpanText, words: Words) -> SpanText:
    """Years before the word for one, and bare numbers that look like years."""
    if words.year_before:
        ruleset = words.year_in_date
        behind = words.year_before
        if words.language in ("zh", "ja"):
            behind = rf"(?:{words.range}\d{{4}})?{behind}"
        text = text.rewrite(
            re.compile(rf"(?<!\d)(\d{{4}})\s?(?={behind})"),
            lambda m: numerals.said(Number(m[1]), words, ruleset),
        )
    for word, ruleset in words.ordinal_before.items():
        pattern = re.compile(rf"(?<![\d.,-])(\d+)(?=\s{word}\b)")
        text = text.rewrite(pattern, partial(_of_year, words, ruleset))
    if words.years != (0, 0):
        bare = re.compile(r"(?<![\w.,:$€£-])(\d{4})(?![\w:%]|[.,]\d|\s?(?:%|[€$£]))")
        text = text.rewrite(bare, lambda m: _bare_year(int(m[1]), words))
    return text


def _of_year(words: Words, ruleset: str, match: re.Match[str]) -> str:
    return year_ordinal(int(match[1]), words, in_case(ruleset, before(match), words))


def _bare_year(year: int, words: Words) -> str | None:
    first, last = words.years
    return year_said(year, words) if first <= year <= last else None


def _decade(year: int, words: Words) -> str:
    return _plural(year_said(year, words), words)


def _plural(said: str, words: Words) -> str:
    for end, plural in words.decade_end.items():
        if said.endswith(end):
            return said[: -len(end)] + plural
    return said + "s"


def times(text: SpanText, words: Words) -> SpanText:
    """Times of day with a colon, or with the letter that a language writes for it."""
    mark = f"[:{words.time_letter}]" if words.time_letter else ":"
    clock = rf"(?:\s?(?:{words.clock})(?!\w))?" if words.clock else ""
    pattern = re.compile(
        rf"(?<![\d:.,])([01]?\d|2[0-4]){mark}([0-5]\d)(?::([0-5]\d))?(?![\d:]){clock}"
    )

    def say(match: re.Match[str]) -> str:
        hour, minute = int(match[1]), int(match[2])
        said = _hour(hour, words, before(match))
        second = int(match[3] or 0)
        if not minute and not second:
            half_day = _HALF_DAY.match(match.string[match.end() :])
            return said if half_day else words.time_full.format(hour=said)
        minutes = _minutes(minute, words)
        if minute < 10 and words.minute_zero:
            joint = "" if words.language == "zh" else " "
            minutes = f"{words.minute_zero}{joint}{minutes}"
        return words.time.format(hour=said, minute=minutes) + _seconds(second, words)

    return text.rewrite(pattern, say)


def _minutes(minute: int, words: Words) -> str:
    if not words.minute_unit:
        return icu.spelled(words.language, minute)
    number = Number(str(minute))
    before, after = icu.with_unit(words.language, number.value, words.minute_unit)
    says_number = minute in (1, 2)  # the Arabic singular and dual
    return after if says_number else f"{before}{numerals.counted(number, words, 'minute')}{after}"


def _seconds(second: int, words: Words) -> str:
    if not second:
        return ""
    if words.language in ("zh", "ja"):
        return f"{icu.spelled(words.language, second)}秒"
    return f" {icu.spelled(words.language, second)}"


def ratios(text: SpanText, words: Words) -> SpanText:
    """Scores and scales ("3:2") by the language's word; nothing is said in "90:00" and "5:3-7"."""
    joint = "" if words.language in ("zh", "ja") else " "

    def say(match: re.Match[str]) -> str:
        second, verses = match[1], match[2]
        word = "" if verses or (second[0] == "0" and second != "0") else words.ratio
        return f"{joint}{word}{joint}" if word else " "

    return text.rewrite(_RATIO, say, parted=False)


def _hour(hour: int, words: Words, previous: str) -> str:
    if ruleset := words.hour_after.get(previous):
        return icu.spelled(words.language, hour, ruleset)
    if hour == 2 and words.hour_two:
        return words.hour_two
    if words.hour_unit:
        number = Number(str(hour))
        before, after = icu.with_unit(words.language, number.value, words.hour_unit)
        return f"{before}{numerals.counted(number, words, words.hour_unit)}{after}"
    # The native numerals of Korean count hours up to twelve.
    ruleset = "" if hour > 12 and "native" in words.hour else words.hour
    return numerals.said(Number(str(hour)), words, ruleset)
