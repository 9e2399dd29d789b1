"""Dates, years, decades and times of day."""

import re

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import SpanText
from vdx.speech.text.normalise.words import Words

_ISO = re.compile(r"(?<![\d-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
_NUMERIC = re.compile(r"(?<![\d./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\d/-])")
_CJK = re.compile(r"(\d{4})\s?[年년]")
_HALF_DAY = re.compile(r"\s?(?:a\.?m|p\.?m|AM|PM|A M|P M)\b")


def dates(text: SpanText, words: Words) -> SpanText:
    """Dates of digits alone, then those with the name of a month."""
    text = text.rewrite(_ISO, lambda m: _date(words, m[1], m[2], m[3], _before(m)))

    def numeric(match: re.Match[str]) -> str | None:
        first, second, year = match[1], match[3], match[4]
        month_first = words.date_order == "mdy" and match[2] != "." and int(first) <= 12
        month, day = (first, second) if month_first else (second, first)
        return _date(words, year, month, day, _before(match))

    return _named(text.rewrite(_NUMERIC, numeric), words)


def _before(match: re.Match[str]) -> str:
    """The word before a match."""
    return (match.string[: match.start()].split() or [""])[-1].casefold()


def _date(words: Words, year: str, month: str, day: str, before: str) -> str | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    name = icu.months(words.language)[int(month) - 1]
    if name[0].isdigit():
        name = numerals.said(Number(str(int(month))), words) + name.lstrip("0123456789")
    return words.date.format(
        year=_year_in_date(int(year), words), month=name, day=_day(int(day), words, before)
    )


def _day(day: int, words: Words, before: str) -> str:
    if day == 1 and words.first_day:
        return words.first_day
    if words.ordinal_words:
        return ordinal_of_table(day, words)
    return icu.spelled(words.language, day, words.ordinal_after.get(before, words.day))


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
        return _year_ordinal(year, words, words.year_in_date)
    return year_said(year, words)


def _year_ordinal(year: int, words: Words, ruleset: str) -> str:
    """ "тысяча девятьсот ...": of the year nobody says "one thousand"."""
    said = numerals.said(Number(str(year)), words, ruleset)
    return said.removeprefix("одна ") if said.startswith("одна тысяча") else said


def year_said(year: int, words: Words) -> str:
    """A year as it is said without the word for one."""
    first, last = words.years
    ruleset = words.year if first <= year <= last else ""
    return numerals.said(Number(str(year)), words, ruleset)


def _named(text: SpanText, words: Words) -> SpanText:
    """ "March 5, 2024", "5. März 2024": the day and the year beside the name of a month."""
    names = [name for name in icu.months(words.language) if not name[0].isdigit()]
    if not names or not words.day_month:
        return text
    month = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    joint = f"{re.escape(words.month_joint)} " if words.month_joint else ""
    day = r"(?<![\d.,:/-])(\d{1,2})(?:\.|º|er|st|nd|rd|th)?"
    year = rf"(?:[,\s]+(?:{joint})?(\d{{4}})(?!\d))?"

    def day_first(match: re.Match[str]) -> str | None:
        if not 1 <= int(match[1]) <= 31:
            return None
        date = words.day_month.format(day=_day(int(match[1]), words, _before(match)), month=match[2])
        gap = f" {words.month_joint} " if words.month_joint else " "
        return date + (gap + _year_in_date(int(match[3]), words) if match[3] else "")

    def month_first(match: re.Match[str]) -> str | None:
        if not 1 <= int(match[2]) <= 31:
            return None
        date = words.month_day.format(day=_day(int(match[2]), words, ""), month=match[1])
        return date + (f", {year_said(int(match[3]), words)}" if match[3] else "")

    if words.month_day:
        after = rf"({month})\.?\s(\d{{1,2}})(?:st|nd|rd|th)?(?![\d.,:/-]*\d{{1,3}}\b(?<!\d{{4}}))"
        text = text.rewrite(re.compile(rf"\b{after}{year}(?!\w)"), month_first)
    return text.rewrite(re.compile(rf"{day}\s{joint}({month}){year}(?!\w)", re.IGNORECASE), day_first)


def decades(text: SpanText, words: Words) -> SpanText:
    """ "1990s" and "'90s" in English, "1990er" in German."""
    if words.decade_end:
        text = text.rewrite(re.compile(r"\b(\d{3}0)s\b"), lambda m: _decade(int(m[1]), words))
        short = re.compile(r"(?<!\w)['’]?(\d0)s\b")  # noqa: RUF001
        text = text.rewrite(short, lambda m: _plural(icu.spelled(words.language, int(m[1])), words))
    if words.decade:
        pattern = re.compile(rf"\b(\d{{3}}0){words.decade}\b")
        text = text.rewrite(pattern, lambda m: year_said(int(m[1]), words) + words.decade)
    return text


def years(text: SpanText, words: Words) -> SpanText:
    """Years before the word for one, and bare numbers that look like years."""
    if words.year_before:
        ruleset = words.year_in_date
        text = text.rewrite(
            re.compile(rf"(?<!\d)(\d{{4}})\s?(?={words.year_before})"),
            lambda m: numerals.said(Number(m[1]), words, ruleset),
        )
    for word, ruleset in words.ordinal_before.items():
        text = text.rewrite(
            re.compile(rf"(?<![\d.,-])(\d+)(?=\s{word}\b)"),
            lambda m, rules=ruleset: _year_ordinal(int(m[1]), words, rules),
        )
    if words.years != (0, 0):
        bare = re.compile(r"(?<![\w.,:$€£-])(\d{4})(?![\w:%]|[.,]\d|\s?(?:%|[€$£]))")
        text = text.rewrite(bare, lambda m: _bare_year(int(m[1]), words))
    return text


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
    clock = rf"(?:\s?(?:{words.clock})\b)?" if words.clock else ""
    pattern = re.compile(rf"(?<![\d:.,])([01]?\d|2[0-4]){mark}([0-5]\d)(?![\d:]){clock}")

    def say(match: re.Match[str]) -> str:
        hour, minute = int(match[1]), int(match[2])
        said = _hour(hour, words, _before(match))
        if not minute:
            half_day = _HALF_DAY.match(match.string[match.end() :])
            return said if half_day else words.time_full.format(hour=said)
        minutes = icu.spelled(words.language, minute)
        if minute < 10 and words.minute_zero:
            joint = "" if words.language == "zh" else " "
            minutes = f"{words.minute_zero}{joint}{minutes}"
        return words.time.format(hour=said, minute=minutes)

    return text.rewrite(pattern, say)


def _hour(hour: int, words: Words, before: str) -> str:
    if ruleset := words.hour_after.get(before):
        return icu.spelled(words.language, hour, ruleset)
    if hour == 2 and words.hour_two:
        return words.hour_two
    if words.hour_unit:
        number = Number(str(hour))
        before, after = icu.with_unit(words.language, number.value, words.hour_unit)
        return f"{before}{numerals.counted(number, words, words.hour_unit)}{after}"
    native = words.hour if hour <= 12 or "ordinal" in words.hour or "native" not in words.hour else ""
    return numerals.said(Number(str(hour)), words, native)
