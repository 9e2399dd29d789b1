"""Amounts of money, measures with their units, percentages."""

import functools
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from vdx.speech.text.normalise import icu, numerals
from vdx.speech.text.normalise.numerals import Number
from vdx.speech.text.normalise.spans import BESIDE, LEFT, RIGHT, SpanText, ends_text
from vdx.speech.text.normalise.words import Words

UNITS: Final = {
    "km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "µm": "micrometer",
    "mi": "mile", "ft": "foot", "yd": "yard", "kg": "kilogram", "g": "gram", "mg": "milligram",
    "t": "metric-ton", "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter", "L": "liter",
    "ml": "milliliter", "mL": "milliliter", "cl": "centiliter", "km/h": "kilometer-per-hour",
    "kmh": "kilometer-per-hour", "mph": "mile-per-hour", "m/s": "meter-per-second",
    "°C": "celsius", "℃": "celsius", "°F": "fahrenheit", "°": "degree", "%": "percent",
    "٪": "percent", "km²": "square-kilometer", "m²": "square-meter", "m2": "square-meter",
    "cm²": "square-centimeter", "m³": "cubic-meter", "m3": "cubic-meter", "ms": "millisecond",
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "hrs": "hour",
    "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "KB": "kilobyte",
    "kB": "kilobyte", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "W": "watt",
    "kW": "kilowatt", "MW": "megawatt", "kWh": "kilowatt-hour", "‰": "permille",
    "m/s²": "meter-per-square-second", "Mbps": "megabit-per-second", "Mbit/s": "megabit-per-second",
    "Gbps": "gigabit-per-second",
    "MB/s": "megabyte-per-second", "GB/s": "gigabyte-per-second",
    "V": "volt", "mA": "milliampere",
}  # fmt: skip
SYMBOLS: Final = {
    "$": "USD", "€": "EUR", "£": "GBP", "₽": "RUB", "₴": "UAH", "₹": "INR", "₩": "KRW",
    "₺": "TRY", "A$": "AUD", "CA$": "CAD", "C$": "CAD", "NZ$": "NZD",
    "HK$": "HKD", "zł": "PLN", "円": "JPY", "元": "CNY", "R$": "BRL", "US$": "USD",
}  # fmt: skip
CODES: Final = ("USD", "EUR", "GBP", "JPY", "CHF", "RUB", "UAH", "INR", "KRW", "TRY", "PLN", "CNY")
NAMED: Final = (*dict.fromkeys(UNITS.values()), "day", "week", "month", "year")
_CENTS: Final = 2


def money(text: SpanText, words: Words) -> SpanText:
    """Amounts with a sign, a code or a language's word for a currency, before or after it."""
    number = numerals.of(words)
    known = {**SYMBOLS, "¥": words.yen_sign, "￥": words.yen_sign, **words.currency_words}
    known |= {code: code for code in CODES}
    scales = _any(words.scales)
    scale = rf"(?:\s?((?i:{scales}))\b\.?)?" if scales else "()"
    leading = _beside(key for key in known if not key.islower() and key not in "円元")
    per = r"(?:/([^\W\d_]+[²³]?)(?![\w/]))?"
    before = re.compile(rf"({leading})\s?({number}){scale}{per}")
    after = _followed(number, rf"{scale}\s?", known, rf"{per}\.?", re.IGNORECASE)

    def say(match: re.Match[str], amount: str, scale: str | None, name: str) -> str:
        code = known.get(name) or known.get(name.upper()) or known[name.lower()]
        said = _amount(_of_money(amount, words), scale or "", code, words)
        if match[4]:
            said = _per(said, match[4], words)
        return f"{said}." if match[0].endswith(".") and ends_text(match) else said

    if words.per_after:
        price = re.compile(rf"({number}{words.per_after})/([^\W\d_]+)(?![\w/])")
        text = text.rewrite(price, lambda m: _per(m[1], m[2], words))
    text = text.rewrite(before, lambda m: say(m, m[2], m[3], m[1]))
    for pattern in after:
        text = text.rewrite(pattern, lambda m: say(m, m[1], m[2], m[3]))
    return text


def _of_money(amount: str, words: Words) -> Number:
    """No amount has three decimals: "$5,000" is written so in Mexico as well."""
    number = numerals.read(amount, words)
    if len(number.fraction) == len("000") and number.whole != "0":
        return Number(number.whole + number.fraction, grouped=True)
    return number


def _per(price: str, unit: str, words: Words) -> str:
    """ "3 €/kg"."""
    if unit in words.per_words:
        return f"{price} {words.per_words[unit]}"
    known = units_of(words).get(unit)
    name = icu.with_unit(words.language, Decimal(1), known)[1].strip() if known else unit
    for end, accusative in words.per_ends.items():
        if known and name.endswith(end):
            name = name[: -len(end)] + accusative
    return words.per.format(price=price, unit=name) if words.per else f"{price} {name}"


def _any(texts: Iterable[str]) -> str:
    """A regular expression for one of some texts, the longest that fits."""
    return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))


def _is_sign(name: str) -> bool:
    """Whether a name is a sign, which is one beside a letter too, and not letters."""
    return not (name[0].isalnum() or name[-1].isalnum())


def _beside(names: Iterable[str]) -> str:
    """A regular expression for what stands before a number."""
    known = tuple(names)
    letters = _any(name for name in known if not _is_sign(name))
    signs = _any(name for name in known if _is_sign(name))
    return f"{LEFT}(?:{letters})|{BESIDE}(?:{signs})"


def _followed(
    number: str, between: str, names: Iterable[str], end: str, flags: int = 0
) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Expressions for a number before a name, and before a sign, which may touch words."""
    known = tuple(names)
    letters = _any(name for name in known if not _is_sign(name))
    signs = _any(name for name in known if _is_sign(name))
    return (
        re.compile(rf"{LEFT}({number}){between}({letters}){RIGHT}{end}", flags),
        re.compile(rf"{BESIDE}({number}){between}({signs}){end}", flags),
    )


def _amount(number: Number, scale: str, code: str, words: Words) -> str:
    if scale:
        name = _name(Number("1000000"), code, words)[1].strip()
        word = words.scales[scale.lower()]
        return f"{numerals.scaled(number, word, words)}{_of(word, name, words)}{name}"
    cents = number.fraction
    if len(cents) == _CENTS and words.minor and int(cents):
        return _with_cents(number, code, words)
    if cents and not int(cents):
        number = Number(number.whole, grouped=number.grouped)
    before, after = _name(number, code, words)
    return f"{before}{numerals.counted(number, words, code)}{after}"


def _with_cents(number: Number, code: str, words: Words) -> str:
    minor = numerals.said(Number(str(int(number.fraction))), words)
    if code in words.cents:
        minor = f"{minor} {_plural(Number(str(int(number.fraction))), words.cents[code], words)}"
        if number.whole == "0":
            return minor
    whole = Number(number.whole, grouped=number.grouped)
    before, after = _name(whole, code, words)
    major = f"{before}{numerals.counted(whole, words, code)}{after}"
    return words.minor.format(major=major, minor=minor)


def _name(number: Number, code: str, words: Words) -> tuple[str, str]:
    if table := words.money.get(code):
        joint = "" if words.language in ("zh", "ja") else " "
        return "", joint + _plural(number, table, words)
    return icu.with_currency(words.language, number.value, code)


def _plural(number: Number, table: dict[str, str], words: Words) -> str:
    return table.get(icu.plural(words.language, number.value)) or table["other"]


def _of(scale: str, name: str, words: Words) -> str:
    """What stands between "million" and a currency."""
    if words.language in ("zh", "ja"):
        return ""
    joint = words.scale_of.get(scale, words.scale_of.get("default", ""))
    if name[:1] in "aeiouéh" and "vowel" in words.scale_of:
        return f" {words.scale_of['vowel']}"
    return f" {joint} " if joint else " "


def units_of(words: Words) -> dict[str, str]:
    """CLDR's units by what they are written as; a language may lack one ("mi" is a million)."""
    return {sign: unit for sign, unit in {**UNITS, **words.units}.items() if unit}


def units(text: SpanText, words: Words) -> SpanText:
    """Numbers with a unit or a percent sign after them, or before them as in Turkish."""
    number = numerals.of(words)
    known = units_of(words)
    dot = r"(?:(?<=[^\W\d_]{2})\.(?=\s[^\W\d_]))?"  # "5 min. later"
    end = rf"(?![²³])(?:(?<=[%٪‰])|(?!/)){dot}"  # "km/h" is one unit, "50%/year" two words
    patterns = _followed(number, r"([\s\u00a0-]?)", known, end)

    def say(amount: str, unit: str, *, as_adjective: bool = False) -> str:
        found = numerals.read(amount, words)
        if unit == "percent" and words.percent:
            return words.percent.format(n=numerals.said(found, words))
        # English: "a five kilometer walk".
        value = Decimal(1) if as_adjective and words.language == "en" else found.value
        before, after = icu.with_unit(words.language, value, unit)
        joint = "" if words.language in ("zh", "ja") else None
        said = f"{before}{numerals.counted(found, words, unit)}{after}"
        return said.replace(" ", joint) if joint is not None else said.replace("/", " / ")

    if words.percent and not words.percent.startswith("{n}"):
        text = text.rewrite(
            re.compile(rf"{LEFT}({number})(\s?{re.escape(words.range)}\s?)({number})\s?[%٪]"),
            lambda m: words.percent.format(
                n="".join((_read(m[1], words), m[2], _read(m[3], words)))
            ),
        )
    for pattern in patterns:
        text = text.rewrite(pattern, lambda m: say(m[1], known[m[3]], as_adjective=m[2] == "-"))
    if numerals.has_gender(words):
        named = _names_of_units(words.language)
        names = _any(named)
        text = text.rewrite(
            re.compile(rf"(?<![\w.,:-])({number})(?=\s({names})(?!\w))"),
            lambda m: numerals.counted(numerals.read(m[1], words), words, named[m[2]]),
        )
    # Turkish writes the sign before, and an ending behind: "%50si".
    end = "" if words.language == "tr" else RIGHT
    return text.rewrite(re.compile(rf"[%٪]\s?({number}){end}"), lambda m: say(m[1], "percent"))


def _read(amount: str, words: Words) -> str:
    return numerals.said(numerals.read(amount, words), words)


@functools.cache
def _names_of_units(language: str) -> dict[str, str]:
    """The names of units, as they stand after 1, 2 and 5, and the units."""
    names = {
        icu.with_unit(language, Decimal(number), unit)[1].strip(): unit
        for unit in NAMED
        for number in (1, 2, 5)
    }
    return {name: unit for name, unit in names.items() if name and name.replace(" ", "").isalpha()}
