"""Where a token too long for a word is parted, so that no voice is asked to read it at once."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from vdx.speech.text.writing_systems import NEVER_FIRST

LONGEST_TOKEN: Final = 40
"""Characters without white space that may still be a word: the longest of German are shorter."""
SHORTEST_PIECE: Final = 20
"""A piece ends at a mark inside the token if it gets at least so long."""
FORCED: Final = 2 * LONGEST_TOKEN
"""Characters after which even a mark that belongs to the letter before it begins a piece."""

_PARTING: Final = frozenset("/\\-_=&?#+,;:|~@)]}\u0f0b\u0f0d")
"""After these an address or a list is parted; also the signs between syllables of Tibetan."""


def piece_end(chars: Sequence[str], start: int, following: str) -> int:
    """Where the token from `start` to the end of `chars` is parted before `following`, or 0.

    Scripts that part no words begin a token with each character, and never get here.
    """
    length = len(chars) - start
    if length < LONGEST_TOKEN:
        return 0
    if length < FORCED and _belongs_to_previous(following):
        return 0
    for end in range(len(chars), start + SHORTEST_PIECE - 1, -1):
        following = chars[end] if end < len(chars) else following
        if chars[end - 1] in _PARTING and not _belongs_to_previous(following):
            return end
    return len(chars)


def _belongs_to_previous(char: str) -> bool:
    """Marks over a letter, joiners, and signs that close what stands before them."""
    return char in NEVER_FIRST or unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf")
