"""Characters of a text on its way to a voice: line ends, and those that are never spoken."""

import unicodedata
from typing import Final, NamedTuple

LINE_END: Final = "\n"
LINE_BREAK: Final = "\u2028"
PARAGRAPH_END: Final = "\u2029"
NO_BREAK_SPACE: Final = "\u00a0"
NO_BREAK_SPACES: Final = frozenset("\u00a0\u202f\u2007")
INVISIBLE: Final = frozenset(
    "\u00ad\u0640\u061c\u200b\u200e\u200f\u2060\u2066\u2067\u2068\u2069\ufeff\u202a\u202b\u202c\u202d\u202e"
)
JOINER: Final = "\u200d"
"""Joins emoji into one, but also letters of Indic scripts."""
SOUND: Final = "\ue000"
"""Stands for the tag of a sound that the voice makes."""
_EMOJI: Final = (
    (0x1F000, 0x1FAFF),
    (0x2600, 0x27BF),
    (0x2B00, 0x2BFF),
    (0x2300, 0x23FF),
    (0x2190, 0x21FF),
    (0x25A0, 0x25FF),
    (0xFE00, 0xFE0F),
    (0xE0000, 0xE01EF),
    (0x20E3, 0x20E3),
)


class Spoken(NamedTuple):
    """A character and the source offset it came from; `literal`: it stood between backticks."""

    char: str
    offset: int
    literal: bool = False


def is_unspeakable(char: str) -> bool:
    """Emoji and symbols for the eye; control, surrogate and private characters."""
    if char == SOUND:
        return False
    code = ord(char)
    if any(low <= code <= high for low, high in _EMOJI):
        return True
    return unicodedata.category(char) in {"Cc", "Cs", "Co", "Cn"} and char != LINE_END
