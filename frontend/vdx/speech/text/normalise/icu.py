"""Number words, names of units, currencies and months: ICU's message formats, one kept for each."""

import datetime as dt
import functools
import re
from decimal import Decimal
from typing import Any

_SOFT_HYPHEN = "\u00ad"
_FORMATTED = re.compile(r"\d(?:[\d.,\u00a0\u202f\u066b\u066c]*\d)?")
_CORRECTIONS = {
    "pl": {"dziewiętdz": "dziewięćdz", "piętdz": "pięćdz", "szesdz": "sześćdz"},
    "ar": {
        "ثلاثة مائة": "ثلاثمائة", "أربعة مائة": "أربعمائة", "خمسة مائة": "خمسمائة",
        "ستة مائة": "ستمائة", "سبعة مائة": "سبعمائة", "ثمانية مائة": "ثمانمائة",
        "تسعة مائة": "تسعمائة",
    },
}  # fmt: skip
"""What CLDR misspells."""
_DIRECTION = re.compile("[\u200e\u200f\u061c]")


@functools.lru_cache(maxsize=1024)
def _format(language: str, pattern: str) -> Any:
    from icu4py.messageformat import MessageFormat

    return MessageFormat(pattern, language)


def _said(language: str, pattern: str, value: object) -> str:
    return str(_format(language, pattern).format({"n": value})).replace(_SOFT_HYPHEN, "")


def spelled(language: str, number: float, ruleset: str = "") -> str:
    """A number in words, by one of CLDR's rule sets ("spellout-ordinal"), or the first one.

    A rule set that a language lacks is replaced by its first one.
    """
    words = _said(language, f"{{n,spellout,%{ruleset}}}" if ruleset else "{n,spellout}", number)
    for wrong, right in _CORRECTIONS.get(language, {}).items():
        words = words.replace(wrong, right)
    return " ".join(words.split())


def plural(language: str, number: Decimal) -> str:
    """CLDR's plural category: "one", "few", "other" and so on."""
    categories = "".join(f"{each}{{{each}}}" for each in ("zero", "one", "two", "few", "many"))
    value = int(number) if number == number.to_integral_value() else float(number)
    return _said(language, f"{{n,plural,{categories}other{{other}}}}", value)


def with_unit(language: str, number: Decimal, unit: str) -> tuple[str, str]:
    """What stands before and after the number of so many of a unit ("kilometer")."""
    return _around(language, number, f"unit/{unit}")


def with_currency(language: str, number: Decimal, code: str) -> tuple[str, str]:
    """What stands before and after an amount of a currency ("EUR")."""
    return _around(language, number, f"currency/{code}")


def _around(language: str, number: Decimal, measure: str) -> tuple[str, str]:
    whole = number == number.to_integral_value()
    skeleton = f"::{measure} unit-width-full-name {'precision-integer' if whole else '.##'}"
    value = int(number) if whole else float(number)
    text = _DIRECTION.sub("", _said(language, f"{{n,number,{skeleton} latin}}", value))
    match = _FORMATTED.search(text)
    if match is None:  # the Arabic dual says the number itself
        return "", text
    return _plain(text[: match.start()]), _plain(text[match.end() :])


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@functools.cache
def months(language: str) -> tuple[str, ...]:
    """The names of the twelve months, as they stand in a date."""
    return _months(language, "MMMM")


@functools.cache
def short_months(language: str) -> tuple[str, ...]:
    """Their abbreviations, without the dot that some have."""
    return tuple(name.rstrip(".॰") for name in _months(language, "MMM"))


def _months(language: str, form: str) -> tuple[str, ...]:
    days = (dt.datetime(2024, month, 15, 12, tzinfo=dt.UTC) for month in range(1, 13))
    return tuple(_said(language, f"{{n,date,{form}}}", day) for day in days)


@functools.cache
def weekdays(language: str) -> dict[str, str]:
    """The names of the days of the week by their abbreviations, from Monday on."""
    days = [dt.datetime(2024, 1, day, 12, tzinfo=dt.UTC) for day in range(1, 8)]
    return {
        _said(language, "{n,date,EEE}", day).rstrip("."): _said(language, "{n,date,EEEE}", day)
        for day in days
    }
