"""Fenced blocks of code, and prose behind one that was never closed."""

import re
from typing import Final

_PROSE: Final = re.compile(
    r"(?<=\n)[ \t]*\n(?=[^\W\d_][^\n{};=<>$\\]*[.!?:。！？।؟][\"')*_»”]*[ \t]*(?:\n|$))"
)
"""A blank line before one that ends as a sentence does and has no signs of code."""
_WORDS: Final = 3
_UNSPACED: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]{4}")


class Fence:
    """A block of code from its opening marks on; of one in a quote every line begins with ">"."""

    def __init__(self, marks: str, *, is_quoted: bool = False) -> None:
        self.mark = marks[0]
        self.is_quoted = is_quoted
        self.in_info = True
        """Still in the line of the opening marks, where the language is named."""
        self.held: list[tuple[str, int]] = []
        self._length = len(marks)

    def take(self, char: str, at: int) -> None:
        """A character of the block, at its offset in the source."""
        self.held.append((char, at))
        if char == "\n":
            self.in_info = False

    def is_closed_by(self, marks: str) -> bool:
        """Whether marks at the beginning of a line close it."""
        return not self.in_info and len(marks) >= self._length

    def prose(self) -> str:
        """What follows the code of a block that was never closed: from the first sentence on."""
        text = "".join(char for char, _ in self.held)
        for match in _PROSE.finditer(text):
            line = text[match.end() :].split("\n", 1)[0]
            if len(line.split()) >= _WORDS or _UNSPACED.search(line):
                return text[match.end() :]
        return ""
