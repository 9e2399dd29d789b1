"""What each mark of markdown means where it stands, and where a link's address ends."""

from typing import Final, NamedTuple

MARKS: Final = frozenset("*_~`-+=#>|!\\]")
ESCAPABLE: Final = frozenset("\\`*_{}[]()#+-.!|~>")
BEFORE_FOOTNOTE: Final = frozenset('.,;?"\u201d\u00bb\u3002\uff0c')
TASK_DONE, TASK_OPEN = "\u2611", "\u2610"
"""What the boxes "[x]" and "[ ]" of a list of tasks become; the normaliser has words for them."""
BOXED: Final = (" ", "x", "X")
_SKIP_LIMIT: Final = 2000
"""A link's address longer than this is none."""


class Around(NamedTuple):
    """The characters beside a run of marks; empty at the end of the text."""

    before: str
    following: str
    in_table: bool


class LinkAddress:
    """The address of a link, from its opening bracket on; it is not said."""

    def __init__(self) -> None:
        self._depth = 0
        self._length = 0

    def ends_with(self, char: str) -> bool:
        """Whether the next character is its last one."""
        self._length += 1
        self._depth += (char == "(") - (char == ")")
        return self._depth == 0 or char == "\n" or self._length > _SKIP_LIMIT


def opens_block(mark: str, count: int, following: str) -> bool:
    """Whether marks at the beginning of a line are those of a heading, list, quote or table."""
    if mark == "|":
        return True
    if mark == "#":
        return count <= 6 and following in " \t"
    if mark in "*-+" and count == 1:
        return following in " \t"
    return mark == ">" or (mark in "*-" and count >= 3 and following in ("\n", ""))


def is_said(mark: str, count: int, around: Around) -> bool:
    """Whether a run of marks inside a line is text and not markup."""
    before, following, in_table = around
    in_word = before.isalnum() and following.isalnum()
    in_rule = in_table and not (before.isalnum() or following.isalnum())
    text = {
        "*": count == 1 and _is_operand(before) and _is_operand(following),
        "_": count == 1 and in_word,
        "~": count == 1,
        "!": following != "[",
        ":": "-" not in (before, following),
        "-": count < 3 and not in_rule,
    }
    return text.get(mark, count < 3)


def _is_operand(char: str) -> bool:
    return char.isdigit() or char == " "
