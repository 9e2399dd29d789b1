"""Language tags (BCP-47), read with langcodes.

Its class `Language` keeps every tag it has ever seen, and tags come from clients: so its parser and
its tables are used here, and nothing that grows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from langcodes import tag_parser
from langcodes.data_dicts import LANGUAGE_REPLACEMENTS, NORMALIZED_MACROLANGUAGES

MOST_CHARS: Final = 64
"""RFC 5646 (section 4.4.1) finds 35 enough for every tag that is in use."""


@dataclass(frozen=True, slots=True)
class LanguageTag:
    """The parts that vdx looks at; `script` ("Hant") and `territory` ("TW") are often empty.

    `language` is in its current form: "he" for "iw", "zh" for "cmn", "yue" for "zh-yue".
    """

    language: str
    script: str = ""
    territory: str = ""


def parse_tag(tag: str) -> LanguageTag | None:
    """The parts of a tag, "_" counting as "-"; None for what is no tag."""
    return _parse(tag) if len(tag) <= MOST_CHARS else None


@lru_cache(maxsize=256)
def _parse(tag: str) -> LanguageTag | None:
    try:
        found = tag_parser.parse_tag(tag)  # type: ignore[no-untyped-call]
    except tag_parser.LanguageTagError:
        return None
    parts: dict[str, str] = dict(reversed(found))  # the first of each kind stays
    language = _current(parts.get("language") or parts["grandfathered"], parts.get("extlang", ""))
    return LanguageTag(language, parts.get("script", ""), parts.get("territory", ""))


def primary_subtag(tag: str) -> str:
    """ "de" of "de-AT", "de_AT" and "DE"; what is no tag as it is, in lower case."""
    parsed = parse_tag(tag)
    return parsed.language if parsed else tag.lower()


def serves(languages: Iterable[str], tag: str) -> bool:
    """Whether one of `languages`, of which "*" is every one, has the primary subtag of `tag`."""
    primary = primary_subtag(tag)
    return any(known == "*" or primary_subtag(known) == primary for known in languages)


def _current(language: str, extension: str) -> str:
    """The subtag in use today: neither a withdrawn nor an overlong one, nor one with its group."""
    whole = f"{language}-{extension}" if extension else language
    found = LANGUAGE_REPLACEMENTS.get(whole) or LANGUAGE_REPLACEMENTS.get(language, language)
    plain = found.partition("-")[0]  # "sr" of "sr-Latn", which stands for "sh"
    return str(NORMALIZED_MACROLANGUAGES.get(plain, plain))
