"""`tokens.txt`: what the numbers that a network emits are written as."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from triton_backends.shared.errors import InvalidArgument
from triton_backends.shared.model_files import regular_file
from triton_backends.transducer.byte_level import decoded, is_byte_level

FILE = "tokens.txt"
MAX_BYTES = 8 << 20
SPACE = "▁"
UNKNOWN = "<unk>"
END_OF_UTTERANCE, BACKCHANNEL = "<EOU>", "<EOB>"
"""NeMo's models emit these beside the words: the person is done; it was a listening sound."""
MARKS: dict[str, Literal["end", "backchannel"]] = {
    END_OF_UTTERANCE: "end",
    BACKCHANNEL: "backchannel",
}

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_TAG = re.compile(r"<[a-z]{2,3}(-[A-Z]{2})?>")
"""A language that NeMo's multilingual models emit."""
_SILENT = frozenset({"<blk>", "<blank>", "<eps>", "<s>", "</s>", "<sos/eos>", UNKNOWN})


class Tokens:
    """The table; `len` is the size of the vocabulary, blank included."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = tuple(symbols)
        self._byte_level = is_byte_level(symbols)
        self._numbers = {symbol: number for number, symbol in enumerate(symbols)}

    def __len__(self) -> int:
        return len(self._symbols)

    def __getitem__(self, number: int) -> str:
        return self._symbols[number]

    def number(self, symbol: str) -> int | None:
        return self._numbers.get(symbol)

    def blank(self, *names: str) -> int:
        """The number of the blank; raises InvalidArgument where none of the names is there."""
        for name in names:
            if name in self._numbers:
                return self._numbers[name]
        raise InvalidArgument(f"{FILE} has no {' or '.join(names)}")

    def numbers(self, symbols: Iterable[str]) -> frozenset[int]:
        """Those of the symbols that are in the table."""
        return frozenset(self._numbers[each] for each in symbols if each in self._numbers)

    def mark(self, number: int) -> Literal["end", "backchannel"] | None:
        """What a token says of the turn, where it says that instead of words."""
        return MARKS.get(self._symbols[number])

    def text(self, number: int) -> bytes:
        """What a token adds to the text, in UTF-8; a byte of a character may be alone."""
        symbol = self._symbols[number]
        if symbol in _SILENT or symbol in MARKS or _TAG.fullmatch(symbol):
            return b""
        if match := _BYTE.fullmatch(symbol):
            return bytes([int(match[1], 16)])
        if self._byte_level:
            return decoded(symbol)
        return symbol.replace(SPACE, " ").encode()


def read_tokens(folder: Path) -> Tokens:
    """The table of a model's folder.

    Raises InvalidArgument naming the line that is wrong.
    """
    file = regular_file(folder, FILE, MAX_BYTES)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{FILE} is not UTF-8: {error}") from None
    symbols: dict[int, str] = {}
    for place, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        symbol = parts[0] if len(parts) > 1 else " "  # a number alone stands for a space
        if len(parts) > 2 or not parts[-1].isdecimal() or int(parts[-1]) in symbols:
            raise InvalidArgument(
                f"{FILE}, line {place}: {line[:40]!r} is no symbol and its number"
            )
        symbols[int(parts[-1])] = symbol
    if sorted(symbols) != list(range(len(symbols))) or not symbols:
        raise InvalidArgument(f"{FILE}: the numbers are not 0 to {len(symbols) - 1}")
    return Tokens([symbols[number] for number in range(len(symbols))])
