"""Dates, of digits alone or with the name of a month."""

import re
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import SpanText, ends_text
from vdx.speech.text.normalise.words import Words

_ISO: Final = re.compile(r"(?<![\d/-])(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?![\d/-])")
_NUMERIC: Final = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])")
_WITHOUT_YEAR: Final = re.compile(r"(?<![\w.,/-])(\d{1,2})\.(\d{1,2})\.(?![\d.])")
_LOCATIVE: Final = {"pl": ("w", "we", "po", "o"), "ru": ("в", "во", "на", "о")}
"""Prepositions; without one, what would be a locative is a genitive."""


def dates(text: SpanText, words: Words) -> SpanText:
    """Dates of digits alone, then those with the name of a month."""
    text = text.rewrite(_ISO, lambda m: _date(words, m[1], m[3], m[4], before(m)))

    def numeric(match: re.Match[str]) -> str | None:
        first, second, year = match[1], match[3], match[4]
        month_first = words.date_order == "mdy" and match[2] != "." and int(first) <= 12
        month, day = (first, second) if month_first else (second, first)
        return _date(words, year, month, day, before(match))

    text = text.rewrite(_NUMERIC, numeric)
    if "." in words.ordinals:
        text = text.rewrite(_WITHOUT_YEAR, lambda m: _day_and_month(m, words))
    return _named(text, words)


def _day_and_month(match: re.Match[str], words: Words) -> str | None:
    """ "am 24.12."; the last full stop may end the sentence as well."""
    day, month = int(match[1]), int(match[2])
    previous = before(match)
    if not (1 <= month <= 12 and 1 <= day <= 31) or previous not in ("", *words.ordinal_after):
        return None  # "Version 1.2."
    name = icu.months(words.language)[month - 1]
    said = words.day_month.format(day=_day(day, words, previous), month=name)
    return f"{said}." if ends_text(match) else said


def before(match: re.Match[str]) -> str:
    """The word before a match."""
    return (match.string[: match.start()].split() or [""])[-1].casefold()


def _date(words: Words, year: str, month: str, day: str, previous: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    name = icu.months(words.language)[int(month) - 1]
    if name[0].isdigit():
        name = numerals.said(Number(str(int(month))), words) + name.lstrip("0123456789")
    return words.date.format(
        year=_year_in_date(int(year), words), month=name, day=_day(int(day), words, previous)
    )


def _day(day: int, words: Words, previous: str) -> str:
    if day == 1 and words.first_day:
        return words.first_day
    if words.ordinal_words:
        return ordinal_of_table(day, words)
    return icu.spelled(words.language, day, words.ordinal_after.get(previous, words.day))


def ordinal_of_table(number: int, words: Words) -> str:
    """An ordinal of a language for which CLDR has none."""
    table = words.ordinal_words
    if number in table:
        return table[number]
    last = number % 100 if number % 100 in table else number % 10
    if last not in table:
        return icu.spelled(words.language, number)
    return f"{icu.spelled(words.language, number - last).removeprefix('одна ')} {table[last]}"


def _year_in_date(year: int, words: Words) -> str:
    if words.year_in_date == "ordinal_words":
        return ordinal_of_table(year, words)
    if words.year_in_date:
        return year_ordinal(year, words, words.year_in_date)
    return year_said(year, words)


def year_ordinal(year: int, words: Words, ruleset: str) -> str:
    """ "тысяча девятьсот ...": of the year nobody says "one thousand"."""
    said = numerals.said(Number(str(year)), words, ruleset)
    return said.removeprefix("одна ") if said.startswith("одна тысяча") else said


def in_case(ruleset: str, previous: str, words: Words) -> str:
    """A rule set in the locative, or in the genitive where no preposition asks for that."""
    if ruleset.endswith("-locative") and previous not in _LOCATIVE.get(words.language, ()):
        return ruleset.replace("-locative", "-genitive")
    return ruleset


def year_said(year: int, words: Words) -> str:
    """A year as it is said without the word for one."""
    first, last = words.years
    if words.year_hundred and first <= year <= last:
        hundreds, rest = (numerals.said(Number(str(each)), words) for each in divmod(year, 100))
        return f"{hundreds} {words.year_hundred}" + (f" {rest}" if year % 100 else "")
    ruleset = words.year if first <= year <= last else ""
    return numerals.said(Number(str(year)), words, ruleset)


def _named(text: SpanText, words: Words) -> SpanText:
    """ "March 5, 2024", "5. März 2024": the day and the year beside the name of a month."""
    names = [name for name in icu.months(words.language) if not name[0].isdigit()]
    if not names or not words.day_month:
        return text
    text = _short_months(text, words)
    month = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    joint = f"{re.escape(words.month_joint)} " if words.month_joint else ""
    day = r"(?<![\d.,:/-])(\d{1,2})(?:\.|º|°|er|st|nd|rd|th)?"
    year = rf"(?:[,\s]+(?:{joint})?(\d{{4}})(?!\d))?"

    def day_first(match: re.Match[str]) -> str | None:
        if not 1 <= int(match[1]) <= 31:
            return None
        day_said = _day(int(match[1]), words, before(match))
        date = words.day_month.format(day=day_said, month=match[2])
        gap = f" {words.month_joint} " if words.month_joint else " "
        return date + (gap + _year_in_date(int(match[3]), words) if match[3] else "")

    def month_first(match: re.Match[str]) -> str | None:
        if not 1 <= int(match[2]) <= 31:
            return None
        date = words.month_day.format(day=_day(int(match[2]), words, ""), month=match[1])
        return date + (f", {year_said(int(match[3]), words)}" if match[3] else "")

    if words.month_day:
        days = re.compile(rf"\b((?:{month})\.?\s\d{{1,2}})[-\u2013](\d{{1,2}})(?![\w.:/-]*\d)")
        text = text.rewrite(
            days, lambda m: f"{m[1]} {words.range} {_day(int(m[2]), words, '')}", parted=False
        )
        after = rf"({month})\.?\s(\d{{1,2}})(?:st|nd|rd|th)?(?![\d.,:/-]*\d{{1,3}}\b(?<!\d{{4}}))"
        text = text.rewrite(re.compile(rf"\b{after}{year}(?!\w)"), month_first)
    return text.rewrite(
        re.compile(rf"{day}\s{joint}({month}){year}(?!\w)", re.IGNORECASE), day_first
    )


def _short_months(text: SpanText, words: Words) -> SpanText:
    """ "5 Jan 2024", "Feb 3": the whole name, where a date shows that a month is meant."""
    short = (name.casefold() for name in icu.short_months(words.language))
    full = dict(zip(short, icu.months(words.language), strict=True))
    names = "|".join(map(re.escape, sorted(full, key=len, reverse=True)))
    joint = f"(?:{re.escape(words.month_joint)} )?" if words.month_joint else ""
    before_year = rf"(?=[,\s]+{joint}\d{{4}}(?!\d))"
    day = r"(?<![\w.,:/-])(\d{1,2}(?:\.|er|st|nd|rd|th|º)?\s)"
    after_day = rf"{day}{joint}({names})(?:\.(?=\s\w)|\.?{before_year})"
    between = f"{words.month_joint} " if words.month_joint else ""
    text = text.rewrite(
        re.compile(after_day, re.IGNORECASE),
        lambda m: f"{m[1]}{between}{full[m[2].casefold()]}",
    )
    if not words.month_day:
        return text
    before_day = rf"\b({names})\.?(?=\s\d{{1,2}}(?:st|nd|rd|th)?(?![\w:%]|[.,/-]\d))"
    return text.rewrite(
        re.compile(before_day, re.IGNORECASE),
        lambda m: full[m[1].casefold()] if m[1][0].isupper() else None,
    )
