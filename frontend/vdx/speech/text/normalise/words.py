"""The words of a language that CLDR lacks: one file of `data/` each."""

import functools
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from vdx.speech.text.languages import table_language

DATA: Final = Path(__file__).parent / "data"
Table = dict[str, str]


@dataclass(frozen=True, slots=True)
class Words:
    """What one language says. A value in braces, as "{day} {month}", is filled in.

    Names such as "spellout-ordinal" are CLDR's rule sets for numbers. `gender` names units and
    currencies whose numerals are not masculine. `scales` are words of large numbers that stand
    after a number. `year_short` has behind an abbreviation of "year" its word, and the
    preposition behind which it has another form; `century` the same behind an ordinal.
    `abbreviations` are written without their last dot. `feminine_numbers` are those that CLDR
    lacks, `number_before` are things with a number of their own, behind a counter that counts
    others, `per_after` a currency's name that is written behind a number, `per_words` what a
    price is for, with its preposition, `clock_before` what stands before a time of day,
    `roman_after` words that an ordinal follows. `ordinal_tens` are the suffixes of `ordinals`
    that mean something else behind a 0, `ordinal_ends` corrects what CLDR writes,
    `ordinal_adjectives` are endings of an adjective, for a language whose ordinals are in
    `ordinal_words`.
    """

    language: str = ""
    decimal: str = "."
    group: str = ","
    point: str = ""
    zero: str = ""
    signs: Table = field(default_factory=dict)
    range: str = ""
    range_end: str = ""
    ratio: str = ""
    power: str = ""
    link: str = "{site}"
    code: str = ""
    only_code: str = ""
    fractions: Table = field(default_factory=dict)
    over: str = ""
    and_fraction: str = ""
    half: str = ""
    and_half: str = ""
    and_half_words: dict[int, str] = field(default_factory=dict)
    percent: str = ""
    gender: Table = field(default_factory=dict)
    feminine_numbers: dict[int, str] = field(default_factory=dict)
    one: Table = field(default_factory=dict)
    two_before_unit: str = ""
    two_before: str = ""
    native_before: str = ""
    number_before: str = ""
    money: dict[str, Table] = field(default_factory=dict)
    cents: dict[str, Table] = field(default_factory=dict)
    minor: str = ""
    yen_sign: str = "JPY"
    scales: Table = field(default_factory=dict)
    scale_of: Table = field(default_factory=dict)
    scale_parts: Table = field(default_factory=dict)
    per: str = ""
    per_after: str = ""
    per_words: Table = field(default_factory=dict)
    per_ends: Table = field(default_factory=dict)
    units: Table = field(default_factory=dict)
    currency_words: Table = field(default_factory=dict)
    year: str = ""
    year_hundred: str = ""
    years: tuple[int, int] = (0, 0)
    year_in_date: str = ""
    year_before: str = ""
    year_short: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    decade: str = ""
    decade_end: Table = field(default_factory=dict)
    date: str = ""
    date_order: str = "dmy"
    day: str = ""
    first_day: str = ""
    day_month: str = ""
    month_day: str = ""
    month_joint: str = ""
    ordinal_words: dict[int, str] = field(default_factory=dict)
    ordinal_after: Table = field(default_factory=dict)
    ordinal_before: Table = field(default_factory=dict)
    ordinals: Table = field(default_factory=dict)
    ordinal_tens: Table = field(default_factory=dict)
    ordinal_ends: Table = field(default_factory=dict)
    ordinal_adjectives: Table = field(default_factory=dict)
    century: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    month_names: Table = field(default_factory=dict)
    time: str = ""
    time_full: str = ""
    time_letter: str = ""
    minute_zero: str = ""
    minute_unit: str = ""
    hour: str = ""
    hour_after: Table = field(default_factory=dict)
    hour_unit: str = ""
    hour_two: str = ""
    clock: str = ""
    clock_before: str = ""
    roman: str = ""
    roman_first: str = ""
    roman_first_names: str = ""
    roman_capital: bool = False
    roman_ordinal_upto: int = 0
    roman_ordinal_dot: bool = False
    roman_after: str = ""
    roman_suffixes: Table = field(default_factory=dict)
    roman_feminine_names: str = ""
    roman_feminine: str = ""
    roman_cardinal_after: str = ""
    years_before: Table = field(default_factory=dict)
    words: Table = field(default_factory=dict)
    abbreviations: Table = field(default_factory=dict)
    number_abbreviations: Table = field(default_factory=dict)


def spoken_languages() -> tuple[str, ...]:
    """The primary subtags that have a file."""
    return tuple(sorted(file.stem for file in DATA.glob("*.yaml")))


def words_of_language(tag: str) -> Words | None:
    """The words for a BCP-47 tag; None for a language that has no file."""
    primary = table_language(tag)
    # A tag comes from a client: it names a file only if it is one of ours.
    return _read(primary) if primary in spoken_languages() else None


@functools.cache
def _read(primary: str) -> Words:
    import yaml

    written: dict[str, Any] = yaml.safe_load((DATA / f"{primary}.yaml").read_text("utf-8"))
    if unknown := written.keys() - {each.name for each in fields(Words)}:
        raise ValueError(f"{primary}.yaml has unknown keys: {', '.join(sorted(unknown))}")
    if "years" in written:
        written["years"] = tuple(written["years"])
    return Words(**{**written, "language": primary})
