"""Markdown and emoji taken out of a stream of text, character by character.

A language model writes for the eye; a voice must not read asterisks aloud. The cleaner is a small
state machine: it looks at most one character ahead, so how the text arrives in pieces makes no
difference, and every character it passes on keeps the offset it had in the source.

- headings, list bullets, quotes, rules, emphasis, strike-through, backticks: the marks go;
- links and images: their text stays, the address goes; a table's bars become commas;
- what stands between backticks in a line is literal: its marks are no markup;
- fenced code blocks are left out whole; emoji and control characters become a space.

A fence that never closes would take the rest of the text with it: `leave_code` finds where prose
goes on behind it.

Ends of headings, list items and table rows come out as LINE_END, a blank line as PARAGRAPH_END, any
other line break as LINE_BREAK: it is white space, unless a blank line or a list follows. Other
white space becomes a space, or NO_BREAK_SPACE where it must not part ("1 000" in French).
"""

from typing import Final

from vdx.speech.text.characters import (
    INVISIBLE,
    JOINER,
    LINE_BREAK,
    LINE_END,
    NO_BREAK_SPACE,
    NO_BREAK_SPACES,
    PARAGRAPH_END,
    Spoken,
    is_unspeakable,
)
from vdx.speech.text.code_blocks import Fence
from vdx.speech.text.marks import (
    BEFORE_FOOTNOTE,
    BOXED,
    ESCAPABLE,
    MARKS,
    TASK_DONE,
    TASK_OPEN,
    Around,
    LinkAddress,
    is_said,
    opens_block,
)

_LONGEST_RUN: Final = 100
"""Marks in a row that are decided about together; what follows them is a new run."""


class Cleaner:
    """One text's cleaner: `feed` characters in order, then `finish`."""

    def __init__(self) -> None:
        self._out: list[Spoken] = []
        self._at = 0
        self._previous = LINE_END
        self._run = ""
        self._run_at = 0
        self._start_line()
        self._fence: Fence | None = None
        self._ticks = 0  # of the inline code that is open
        self._escaped = False
        self._address: LinkAddress | None = None
        self._bracket_said = False
        self._item_begins = False
        self._box = ""
        self._box_at = 0
        self.left_out_code = False
        """Whether there was a block of code, which is not said."""

    @property
    def in_code(self) -> bool:
        """Whether the next character belongs to code, as far as is known."""
        if self._fence is None and self._run[:1] == "`":
            return self._ticks != len(self._run)
        return self._fence is not None or self._ticks > 0

    def leave_code(self) -> str:
        """Ends a fence that was never closed; the text behind it that is to be fed again."""
        if self._run and self._fence is not None:
            self.finish()
        if self._fence is None:
            return ""
        rest, self._fence = self._fence.prose(), None
        self.left_out_code = True
        self._start_line()
        return rest

    def _start_line(self) -> None:
        self._line_start = True
        self._line_is_block = False
        self._in_table = False
        self._cell_gap = ""
        self._cell_seen = False
        self._number = ""
        self._item_begins = False
        self._in_quote = False

    def feed(self, char: str, at: int) -> list[Spoken]:
        """What can be said now that `char`, at the offset `at`, is known; often nothing or more."""
        self._out = []
        self._at = at
        if self._previous == "\r" and char != "\n":
            self._emit(" ", self._at - 1)
        if self._box in BOXED and not self._run and char != "]":
            self._say_box()
        run = self._run
        if run and (char != run[0] or run[0] in "\\]" or len(run) >= _LONGEST_RUN):
            self._settle(char)
        if self._address is not None:
            if self._address.ends_with(char):
                self._address = None
        elif self._fence is not None:
            self._feed_fence(char, self._fence)
        elif self._escaped:
            self._escaped = False
            self._say(char, self._at)
        elif self._ticks and char not in "`\n" and not (char == "|" and self._in_table):
            self._say_literally(char)
        elif char in MARKS or (char == ":" and self._in_table):
            if not self._run:
                self._run_at = self._at
            self._run += char
        elif self._box == "[":
            self._fill_box(char)
        else:
            self._plain(char)
        if not self._run:
            self._previous = char
        return self._out

    def finish(self) -> list[Spoken]:
        """What was still undecided at the end of the text."""
        self._out = []
        if self._run:
            self._settle("")
        elif self._box in BOXED:
            self._say_box()
        return self._out

    def _feed_fence(self, char: str, fence: Fence) -> None:
        if char == fence.mark and (self._line_start or fence.in_info):
            if not self._run:
                self._run_at = self._at
            self._run += char
            return
        fence.take(char, self._at)
        if char == "\n":
            self._start_line()
        elif not char.isspace() and not (char == ">" and fence.is_quoted):
            self._line_start = False

    def _say_literally(self, char: str) -> None:
        if char.isspace() or is_unspeakable(char):
            self._emit(" ", self._at)
        elif char not in INVISIBLE:
            self._line_start = False
            self._cell_seen = True
            self._out.append(Spoken(char, self._at, literal=True))

    def _plain(self, char: str) -> None:
        if char == "\n":
            self._end_line()
        elif char.isspace():
            self._number_mark(char)
            if self._in_table:
                self._cell_gap = self._cell_gap or " "
            elif char != "\r":
                self._emit(NO_BREAK_SPACE if char in NO_BREAK_SPACES else " ", self._at)
        elif char == "[" and self._item_begins:
            self._box, self._item_begins, self._bracket_said = "[", False, False
        elif char == "[":
            self._bracket_said = self._previous.isalnum() or self._previous in BEFORE_FOOTNOTE
            if self._bracket_said:
                self._say(char, self._at)
        elif is_unspeakable(char) or (char == JOINER and is_unspeakable(self._previous)):
            self._emit(" ", self._at)
        elif char not in INVISIBLE:
            self._number_mark(char)
            self._say(char, self._at)

    def _fill_box(self, char: str) -> None:
        """The box of a task holds a space or an x; anything else is text in brackets."""
        self._box, self._box_at = (char if char in BOXED else ""), self._at
        if not self._box:
            self._plain(char)

    def _close_box(self, following: str) -> bool:
        """Whether the box of a task ends here."""
        is_task = following in ("", " ", "\t", "\r", "\n")
        if is_task:
            self._say(TASK_OPEN if self._box == " " else TASK_DONE, self._run_at)
            self._box = ""
        else:
            self._say_box()
        return is_task

    def _say_box(self) -> None:
        """What looked like a task was text in brackets."""
        box, self._box = self._box, ""
        self._say(box, self._box_at)

    def _number_mark(self, char: str) -> None:
        """Recognises "1. " and "1) " at the start of a line: a list item, its number is said."""
        if char.isdigit() and (self._line_start or self._number):
            self._number += char
        elif self._number:
            if char in ".)" and self._number[-1] not in ".)":
                self._number += char
                return
            if char.isspace() and self._number[-1] in ".)":
                self._line_is_block = True
            self._number = ""

    def _end_line(self) -> None:
        blank = self._line_start and not self._in_table
        ended = LINE_END if self._line_is_block else LINE_BREAK
        self._emit(PARAGRAPH_END if blank else ended, self._at)
        self._ticks = 0
        self._start_line()

    def _start_block(self) -> None:
        """A heading, list item, quote or table row begins here: what was before is complete."""
        self._emit(LINE_END, self._run_at)
        self._line_is_block = True
        self._line_start = False
        self._item_begins = True

    def _say(self, char: str, at: int) -> None:
        if self._cell_seen:
            for mark in self._cell_gap:
                self._emit(mark, at)
        self._cell_gap = ""
        self._cell_seen = True
        self._line_start = self._item_begins = False
        self._emit(char, at)

    def _emit(self, char: str, at: int) -> None:
        self._out.append(Spoken(char, at))

    def _settle(self, following: str) -> None:
        """Decides about a run of one mark, now that the character after it is known."""
        mark, count = self._run[0], len(self._run)
        if self._fence is not None:
            self._settle_in_fence(self._fence, following)
        elif self._opens_fence(mark, count):
            self._fence = Fence(self._run, is_quoted=self._in_quote)
            self._emit(LINE_END, self._run_at)
        elif mark == "`":
            self._settle_ticks(count)
        else:
            self._settle_mark(mark, count, following)
        self._run = ""
        self._previous = mark

    def _opens_fence(self, mark: str, count: int) -> bool:
        begins = self._line_start or self._item_begins  # behind "- " and "> " too
        return mark in "`~" and count >= 3 and begins and not self._ticks

    def _settle_ticks(self, count: int) -> None:
        """Backticks in a line open and close literal text; so many others inside belong to it."""
        if not self._ticks:
            self._ticks = count
        elif self._ticks == count:
            self._ticks = 0
        else:
            self._out += [Spoken("`", self._run_at + i, literal=True) for i in range(count)]

    def _settle_in_fence(self, fence: Fence, following: str) -> None:
        if fence.in_info and fence.mark == "`":
            # What looked like an opening fence was inline code: its text is said.
            self._fence = None
            for char, at in fence.held:
                self._at = at
                self._say_literally(char)
        elif fence.is_closed_by(self._run) and following in ("", " ", "\t", "\r", "\n"):
            self._fence = None
            self.left_out_code = True
            self._emit(LINE_END, self._run_at)
            self._start_line()
        else:
            for index, char in enumerate(self._run):
                fence.take(char, self._run_at + index)
            self._line_start = False

    def _settle_mark(self, mark: str, count: int, following: str) -> None:
        if mark == "]" and self._box in BOXED and self._close_box(following):
            pass
        elif self._line_start and self._opens_block(mark, count, following):
            self._start_block()
            self._in_quote = mark == ">"
        elif mark == "\\" and following in ESCAPABLE:
            self._escaped = True
        elif mark == "\\" and following in ("\r", "\n"):
            pass  # a line break of Markdown
        elif mark == "]" and following == "(":
            self._address = LinkAddress()
        elif mark == "|":
            if self._in_table:
                self._cell_gap = ", "
            else:
                self._emit(" ", self._run_at)
        elif self._is_said(mark, count, following):
            for i in range(count):
                self._say(mark, self._run_at + i)
        elif (
            count >= 3
            or self._in_table
            or (mark == "]" and (following.isalnum() or following == "["))
        ):
            self._emit(" ", self._run_at)

    def _opens_block(self, mark: str, count: int, following: str) -> bool:
        if mark == "|":
            self._in_table = True
        return opens_block(mark, count, following)

    def _is_said(self, mark: str, count: int, following: str) -> bool:
        if mark == "]":
            return self._bracket_said
        around = Around(self._previous, following, in_table=self._in_table)
        return is_said(mark, count, around)
