"""Byte-level BPE as icefall trains it: each letter of a symbol stands for a byte of UTF-8.

The letters are those of icefall/byte_utils.py `PRINTABLE_BASE_CHARS`.
"""

from collections.abc import Iterable
from itertools import chain

SPACE = "▁"
UNKNOWN = "\u2047"
"""What icefall writes for a byte that it does not know; read as a space."""

_RANGES = ((256, 287), (32, 126), (288, 305), (308, 318), (321, 328), (330, 382), (384, 422))
_LETTERS = tuple(chr(each) for each in chain(*(range(a, b + 1) for a, b in _RANGES)))
_BYTES = {letter: number for number, letter in enumerate(_LETTERS)} | {SPACE: 32, UNKNOWN: 32}


def is_byte_level(symbols: Iterable[str]) -> bool:
    """As sherpa-onnx tells such a table: all its letters are below U+01C0, some above U+0180."""
    letters = {letter for symbol in symbols for letter in symbol.removeprefix(SPACE)}
    most = max((ord(letter) for letter in letters), default=0)
    return 0x180 <= most < 0x1C0


def decoded(symbol: str) -> bytes:
    """The bytes of a symbol; a letter that stands for none is itself."""
    return b"".join(
        bytes([_BYTES[letter]]) if letter in _BYTES else letter.encode() for letter in symbol
    )
