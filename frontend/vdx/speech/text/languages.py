"""What the speech stages know about each language: one file of `data/` each.

To add a language, add `data/<primary subtag>.yaml`. Entries are lower case; words are compared
without case and punctuation, abbreviations with their inner and without their last dot.
"""

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from vdx.core import language_tags

DATA: Final = Path(__file__).parent / "data"
DEFAULT_LANGUAGE: Final = "en"
SAME: Final = {"yue": "zh"}
"""A language that shares the words of another one to that one."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language's tables.

    `abbreviations` never end a sentence. `closing_abbreviations` end one when a capital letter
    follows, unless every noun has one (`capital_nouns`). `number_abbreviations` are abbreviations
    only before a number. `ordinal_dot`: "3." means "third". `interrupt_words` stop the bot,
    `listening_sounds` ("mhm") do not.
    """

    abbreviations: frozenset[str] = frozenset()
    closing_abbreviations: frozenset[str] = frozenset()
    number_abbreviations: frozenset[str] = frozenset()
    ordinal_dot: bool = False
    capital_nouns: bool = False
    interrupt_words: frozenset[str] = frozenset()
    listening_sounds: frozenset[str] = frozenset()


def table_language(tag: str) -> str:
    """The language whose table serves a tag: "de" for "de-AT"; the default for an empty tag."""
    primary = language_tags.primary_subtag(tag)
    return SAME.get(primary, primary) or DEFAULT_LANGUAGE


def known_languages() -> tuple[str, ...]:
    """The primary subtags that have a file."""
    return tuple(sorted(file.stem for file in DATA.glob("*.yaml")))


def language_table(tag: str) -> Language:
    """The table for a BCP-47 tag ("de-AT" finds "de"); an unknown language gets an empty one."""
    primary = table_language(tag)
    # A tag comes from a client: it names a file only if it is one of ours.
    return _read(primary) if primary in known_languages() else Language()


@functools.cache
def _read(primary: str) -> Language:
    import yaml

    written: dict[str, Any] = yaml.safe_load((DATA / f"{primary}.yaml").read_text("utf-8"))
    return Language(
        **{
            field.name: _table(field.name, written[field.name])
            for field in fields(Language)
            if field.name in written
        }
    )


def _table(name: str, value: str | bool) -> Any:
    if isinstance(value, bool):
        return value
    if name.endswith("abbreviations"):
        return frozenset(value.split())
    return frozenset(phrase.strip() for phrase in value.split(",") if phrase.strip())
