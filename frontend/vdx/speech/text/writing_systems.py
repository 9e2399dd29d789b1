"""What the writing systems of the world need where a text is cut or its words are compared."""

import functools
import re
import unicodedata
from typing import Any, Final

from vdx.core.language_tags import parse_tag

CLOSERS: Final = frozenset("\"'”’»›)]}」』）】》〉＂＇")  # noqa: RUF001
OPENERS: Final = "\"'“‘„‚«‹([{¿¡"  # noqa: RUF001
STRONG: Final = frozenset(".!?;")
"""Ends of sentences after which white space must follow."""
WEAK: Final = frozenset(",:،؛—–")  # noqa: RUF001
STRONG_ANYWHERE: Final = frozenset("。！？；｡．؟۔।॥")  # noqa: RUF001
"""Ends of sentences that need no white space after them: CJK, Arabic, Urdu, Devanagari."""
WEAK_ANYWHERE: Final = frozenset("，、：､")  # noqa: RUF001
NEVER_FIRST: Final = (
    CLOSERS | STRONG_ANYWHERE | WEAK_ANYWHERE | frozenset(".,!?;:%…—～·・％‰℃゛゜ー々〻ヽヾ")  # noqa: RUF001
    | frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")
)  # fmt: skip
"""What no clause may begin with: closing marks, and signs of Japanese that belong to the sign
before them (kinsoku shori)."""

WRITTEN_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff][^\w\s]*|[^\s\u3040-\u30ff\u3400-\u9fff]+"
)
"""A word as it is written, with its punctuation; one sign of Chinese or Japanese."""

TRADITIONAL_IN: Final = frozenset(("TW", "HK", "MO"))
"""Territories where Chinese is written in traditional characters."""

_MARK: Final = frozenset(("Mn", "Mc", "Me"))


def is_unspaced(char: str) -> bool:
    """Whether the script parts no words: Han, kana, full-width forms, Thai, Lao, Burmese, Khmer."""
    return (
        "\u3040" <= char <= "\u30ff"
        or "\u3400" <= char <= "\u9fff"
        or "\uf900" <= char <= "\ufaff"
        or "\uff66" <= char <= "\uff9f"
        or char >= "\U00020000"
        or "\u0e00" <= char <= "\u0eff"
        or "\u1000" <= char <= "\u109f"
        or "\u1780" <= char <= "\u17ff"
    )


def is_hangul(char: str) -> bool:
    """Whether the character is a Korean syllable."""
    return "\uac00" <= char <= "\ud7a3"


def weight(char: str) -> int:
    """About how long a character is spoken, a letter of an alphabet being 1."""
    if "\u3400" <= char <= "\u9fff" or char >= "\U00020000" or "\u3040" <= char <= "\u30ff":
        return 3
    return 2 if is_hangul(char) else 1


@functools.lru_cache(4096)
def is_word_char(char: str) -> bool:
    """Letters, digits and the marks that Indic and Arabic scripts write vowels with."""
    return char.isalnum() or unicodedata.category(char) in _MARK


def may_part(before: str, after: str) -> bool:
    """Whether a text may be cut between two characters although no white space is there."""
    if not (is_unspaced(before) or is_unspaced(after)) or after in NEVER_FIRST:
        return False
    # Never inside a syllable or an opening quotation.
    return unicodedata.category(after) not in _MARK and before not in "「『（【《〈“‘"  # noqa: RUF001


def last_phrase(text: str, language: str, end: int) -> int:
    """The last place up to `end`, beyond its half, where a phrase of an unspaced text begins.

    By BudouX, a small model that finds where a Japanese, Chinese or Thai line may break; `end`
    itself where it knows of none.
    """
    best, position = 0, 0
    for phrase in _parser(language, text).parse(text[:end]):
        best = position
        position += len(phrase)
    return best if best > end // 2 else end


def _parser(language: str, text: str) -> Any:
    if any("\u3040" <= char <= "\u30ff" for char in text):
        return _load("japanese")
    if any("\u0e00" <= char <= "\u0e7f" for char in text):
        return _load("thai")
    return _load("traditional_chinese" if _is_traditional(language) else "simplified_chinese")


def _is_traditional(language: str) -> bool:
    tag = parse_tag(language)
    if tag is None:
        return False
    return tag.script == "Hant" if tag.script else tag.territory in TRADITIONAL_IN


@functools.cache
def _load(name: str) -> Any:
    import budoux

    return getattr(budoux, f"load_default_{name}_parser")()
