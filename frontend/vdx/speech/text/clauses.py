"""The clause chunker: a reply's text, as it streams in, cut into pieces a voice can speak.

The first clause is short, so that the first audio is early: it ends at the first sentence end, at
the first comma once it has a few words, or at a word near `first_max_chars`. Later clauses are
whole sentences of at most `max_chars`. A cut is never made inside a number, an address or an
abbreviation, whatever is still to come: a full stop counts only when white space follows it, and
where even that leaves doubt ("No. 5", "etc. The") the next character decides.

Lengths are weighed by how long a script's characters are spoken, so that a clause of Chinese
lasts about as long as one of English. Where a script parts no words, a clause that must be cut
ends with a phrase (`writing_systems.last_phrase`). What is too long for a word (`long_tokens`) is
parted by spaces that the text has not: a voice may read it letter by letter, for minutes.

The text is handled character by character, and a cut depends on at most one character after it
that is no white space: at a space or a line break it waits for what tells whether a line or a
paragraph ends. So the same text gives the same clauses however it is split, in linear time.
"""

import re
from enum import Enum, auto
from typing import Final

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.speech.text.addresses import LongTokens
from vdx.speech.text.cleaning import (
    LINE_BREAK,
    LINE_END,
    NO_BREAK_SPACE,
    PARAGRAPH_END,
    Cleaner,
    Spoken,
)
from vdx.speech.text.html import HtmlFilter
from vdx.speech.text.languages import DEFAULT_LANGUAGE, language_table
from vdx.speech.text.long_tokens import piece_end
from vdx.speech.text.normalise import Normaliser
from vdx.speech.text.recut import recut
from vdx.speech.text.writing_systems import (
    CLOSERS,
    NEVER_FIRST,
    OPENERS,
    STRONG,
    STRONG_ANYWHERE,
    WEAK,
    WEAK_ANYWHERE,
    is_hangul,
    is_unspaced,
    last_phrase,
    may_part,
    weight,
)

LONGEST_CLAUSE: Final = 1000
"""What a voice accepts in one request; only punctuation without an end gets there."""

SHORT_LINE: Final = 40
"""A line of so few characters is one of its own, though no mark says so."""
LINE, PARAGRAPH = 1, 2
"""The line breaks of a clause that ends one."""

_BREAKS: Final = frozenset((LINE_BREAK, LINE_END, PARAGRAPH_END))
_ASCII_MARKS: Final = frozenset(".!?;,:…—")
_DOTTED: Final = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
"""Letters with dots between them: U.S, e.g, z.B."""
_DAY_AND_MONTH: Final = re.compile(r"\d{1,2}\.\d{1,2}")
"""In "24.12.", where a dot makes ordinals; also a version at the end of a sentence."""
_ROMAN: Final = re.compile("[IVXLC]+")


class _After(Enum):
    """What the end of a token allows."""

    NOTHING = auto()
    GLUED = auto()  # the next word belongs to it
    WEAK = auto()
    STRONG = auto()
    STRONG_BEFORE_CAPITAL = auto()
    STRONG_UNLESS_DIGIT = auto()
    WEAK_UNLESS_DIGIT = auto()


class ClauseChunker:
    """Cuts one reply: `feed` deltas as they come, then `finish` once.

    The source spans of the clauses follow each other without a gap from offset 0; only what comes
    after the last spoken character (trailing emoji, a code block) may belong to none. A text that
    is only code is one clause that says so, and spans it.

    `normaliser` writes what a clause says in words; without one it stays as it was written.
    """

    def __init__(
        self,
        config: ClauseConfig,
        language: str = DEFAULT_LANGUAGE,
        normaliser: Normaliser | None = None,
    ) -> None:
        self._config = config
        self._language = language
        self._table = language_table(language)
        self._cleaner = Cleaner()
        self._html = HtmlFilter()
        self._normaliser = normaliser
        self._tokens: LongTokens | None = None
        if normaliser is not None and config.links == "short":
            self._tokens = LongTokens(normaliser.words, self._push)
        self._out: list[Clause] = []
        self._chars: list[str] = []
        self._offsets: list[int] = []
        self._literal: list[bool] = []
        self._weights: list[int] = []
        self._weight = 0
        self._line_weight = 0
        self._fed = 0
        self._source_start = 0
        self._first = True
        self._after = _After.NOTHING
        self._break: Spoken | None = None
        self._white: int | None = None
        self._token_start = 0
        self._word_cut = 0
        self._loose_cut = 0
        self._weak_cut = 0
        self._maybe: tuple[int, int] | None = None

    def feed(self, text: str) -> list[Clause]:
        """The clauses that are complete now that this delta has come."""
        self._out = []
        for char in text:
            self._clean(self._html.feed(char, self._fed, in_code=self._cleaner.in_code))
            self._fed += 1
        return self._out

    def _clean(self, found: list[tuple[str, int]]) -> None:
        for char, at in found:
            for spoken in self._cleaner.feed(char, at):
                self._take(spoken)

    def _take(self, spoken: Spoken) -> None:
        if self._tokens is not None:
            self._tokens.push(spoken)
        else:
            self._push(spoken)

    def leave_code(self) -> str:
        """Ends a block of code that was never closed: what is to be fed again before `finish`."""
        rest = self._cleaner.leave_code()
        self._fed -= len(rest)
        return rest

    def wait_no_longer(self) -> list[Clause]:
        """The clause that only white space at the end of what was fed holds back, if any.

        For a text that may stop coming for long; a line break that follows adds no pause to it.
        """
        self._out = []
        if self._break is None:
            self._settle_white_space()
        return self._out

    def finish(self) -> list[Clause]:
        """The last clauses; the chunker is used up."""
        self._out = []
        self._clean(self._html.finish())
        for spoken in self._cleaner.finish():
            self._take(spoken)
        if self._tokens is not None:
            self._tokens.flush()
        self._settle_white_space()
        self._cut(len(self._chars), self._fed)
        if self._first and self._cleaner.left_out_code and self._normaliser is not None:
            self._say_only_code()
        return self._out

    def _say_only_code(self) -> None:
        words = self._normaliser.words if self._normaliser else None
        if words is not None:
            offsets = (0,) * len(words.only_code)
            self._out.append(Clause(words.only_code, 0, self._fed, offsets, only_code=True))

    def _push(self, spoken: Spoken) -> None:
        char, offset, literal = spoken
        if char in _BREAKS:
            self._break_line(spoken)
            return
        if char == " " or (char == NO_BREAK_SPACE and self._white is not None):
            if self._white is None:
                self._white = offset
            return
        if self._break is not None and self._break[0] == LINE_BREAK and self._is_short_line():
            self._end_line(self._break[1] + 1, LINE)
        self._settle_white_space()
        if char != NO_BREAK_SPACE or (self._chars and self._chars[-1] != " "):
            if char != NO_BREAK_SPACE:
                self._begin_character(char, offset)
                self._part_long_token(char, offset)
            self._append(char, offset, literal=literal)
            self._keep_short()

    def _break_line(self, spoken: Spoken) -> None:
        """A break is kept until what follows tells whether it ends a line or a paragraph.

        So is white space before it: a clause that were cut there would lack its pause.
        """
        char, offset, _ = spoken
        if char == PARAGRAPH_END:
            self._end_line(offset + 1, PARAGRAPH)
        elif char == LINE_END and self._break is not None:
            self._end_line(offset + 1, LINE)
        elif self._break is None:
            self._break = spoken
            if self._white is None:
                self._white = offset

    def _is_short_line(self) -> bool:
        """Whether the line is an entry of a plain list, say: lines that wrap are longer."""
        return 0 < self._line_weight <= SHORT_LINE

    def _settle_white_space(self) -> None:
        """What was kept is no paragraph's end."""
        if self._break is not None and self._break[0] == LINE_END:
            self._end_line(self._break[1] + 1, LINE)
        elif self._white is not None:
            if self._break is not None:
                self._line_weight = 0
            offset, self._break, self._white = self._white, None, None
            self._space(offset)

    def _end_line(self, source_end: int, line_breaks: int) -> None:
        self._break = self._white = None
        self._line_weight = 0
        self._cut(len(self._chars), source_end, line_breaks)
        self._drop(len(self._chars))

    def _append(self, char: str, offset: int, *, literal: bool = False) -> None:
        self._chars.append(char)
        self._literal.append(literal)
        self._offsets.append(offset)
        self._weights.append(weight(char))
        self._weight += self._weights[-1]
        self._line_weight += self._weights[-1]

    def _space(self, offset: int) -> None:
        """White space ends a token; a sentence end is known here, without the next word."""
        if not self._chars or self._chars[-1] == " ":
            return
        self._decide_maybe(" ")
        if not self._chars:
            return
        self._after = self._verdict("".join(self._chars[self._token_start :]))
        self._append(" ", offset)
        self._token_start = len(self._chars)
        if self._after in (_After.STRONG, _After.WEAK):
            self._offer(len(self._chars), offset + 1, strong=self._after is _After.STRONG)

    def _begin_character(self, char: str, offset: int) -> None:
        """What stands before `char` may be decided by it."""
        if not self._chars:
            return
        self._decide_maybe(char)
        before = self._chars[-1]
        here = len(self._chars)
        if before == " ":
            self._begin_word(char, offset)
        elif char in NEVER_FIRST:
            return
        elif before in STRONG_ANYWHERE or before in WEAK_ANYWHERE or before in CLOSERS:
            self._after_mark(char, offset)
        elif before in _ASCII_MARKS and (is_unspaced(char) or is_hangul(char)):
            self._after_ascii_mark(offset)
        elif may_part(before, char):
            self._word_cut = self._token_start = here

    def _begin_word(self, char: str, offset: int) -> None:
        here = len(self._chars)
        after, self._after = self._after, _After.NOTHING
        if after is _After.STRONG_BEFORE_CAPITAL and char.isupper():
            self._maybe = here, offset
        elif after is _After.STRONG_UNLESS_DIGIT and not char.isdigit():
            self._offer(here, offset, strong=True)
        elif after is _After.WEAK_UNLESS_DIGIT and not char.isdigit():
            self._offer(here, offset, strong=False)
        elif after in (_After.NOTHING, _After.WEAK, _After.STRONG):
            self._may_cut_between_words(char, here)

    def _may_cut_between_words(self, char: str, here: int) -> None:
        """Not within a number; at "5 km" and "March 5" only where there is no other place."""
        after_digit = here > 1 and self._chars[here - 2].isdigit()
        of_name = char.isdigit() and self._chars[self._word_start(here)].isupper()
        if not (after_digit or of_name):
            self._word_cut = here
        elif not (after_digit and char.isdigit()):
            self._loose_cut = here

    def _word_start(self, here: int) -> int:
        """Where the word before a space begins."""
        start = max(here - 2, 0)  # behind it is the space
        while start and self._chars[start - 1] != " ":
            start -= 1
        return start

    def _decide_maybe(self, char: str) -> None:
        """A capital letter after "Co." or "p.m." begins a sentence, but not of "Ltd." or "EST"."""
        if self._maybe is None:
            return
        (here, offset), self._maybe = self._maybe, None
        word = "".join(self._chars[here:]) + char
        if not (char.isupper() or char == "." or word == "Lt"):
            self._offer(here, offset, strong=True)

    def _part_long_token(self, char: str, offset: int) -> None:
        """Parts the token that `char` goes on with, where it has become too long for a word."""
        end = piece_end(self._chars, self._token_start, char)
        if not end:
            return
        source = self._offsets[end] if end < len(self._chars) else offset
        self._chars.insert(end, " ")
        self._offsets.insert(end, source)
        self._literal.insert(end, False)
        self._weights.insert(end, weight(" "))
        self._weight += weight(" ")
        self._token_start = self._word_cut = end + 1

    def _after_mark(self, char: str, offset: int) -> None:
        """Marks that need no white space after them take only closing marks along."""
        end = len(self._chars)
        while end and self._chars[end - 1] in CLOSERS:
            end -= 1
        last = self._chars[end - 1] if end else ""
        in_number = char.isdigit() and end > 1 and self._chars[end - 2].isdigit()
        if (last in STRONG_ANYWHERE or last in WEAK_ANYWHERE) and not in_number:
            self._token_start = len(self._chars)
            self._offer(len(self._chars), offset, strong=last in STRONG_ANYWHERE)
        elif may_part(self._chars[-1], char):
            self._word_cut = self._token_start = len(self._chars)

    def _after_ascii_mark(self, offset: int) -> None:
        """Chinese, Japanese and Korean are also written with the marks of ASCII, unspaced."""
        here = len(self._chars)
        numbered = here > 1 and self._chars[-1] == "." and self._chars[-2].isdigit()
        verdict = self._verdict("".join(self._chars[self._token_start :]))
        if verdict in (_After.STRONG, _After.WEAK) and not numbered:
            self._token_start = here
            self._offer(here, offset, strong=verdict is _After.STRONG)

    def _verdict(self, token: str) -> _After:
        # An opening mark before white space closes: „so“ in German, »so« in Danish.
        core = token.rstrip("".join(CLOSERS) + OPENERS)
        if not core:
            return _After.NOTHING
        last = core[-1]
        if last in STRONG_ANYWHERE or last in WEAK_ANYWHERE:
            return _After.STRONG if last in STRONG_ANYWHERE else _After.WEAK
        if core.endswith(("...", "…")) or last in WEAK or core == "-":
            before = core[:-1] or "".join(self._chars[: self._token_start]).rstrip()
            return _After.WEAK_UNLESS_DIGIT if before[-1:].isdigit() else _After.WEAK
        if last not in STRONG:
            return _After.NOTHING
        if last != "." or core != token:
            return _After.STRONG
        return self._verdict_on_dot(core[:-1].lstrip(OPENERS))

    def _verdict_on_dot(self, word: str) -> _After:
        """Whether the full stop after `word` ends a sentence or belongs to the word."""
        table, folded = self._table, word.casefold()
        if len(word) == 1 and word.islower():  # "i. d. R.", "p. m."
            glued = table.capital_nouns or folded in table.abbreviations
            return _After.GLUED if glued else _After.STRONG_BEFORE_CAPITAL
        if folded in table.closing_abbreviations:
            return _After.GLUED if table.capital_nouns else _After.STRONG_BEFORE_CAPITAL
        if word.isupper() and len(word) > 1 and word.isalpha():
            folded = ""  # "EST" is a name, "est." an abbreviation
        if folded in table.abbreviations or _DOTTED.fullmatch(word):
            return _After.GLUED
        if folded in table.number_abbreviations:
            return _After.STRONG_UNLESS_DIGIT
        is_initial = len(word) == 1 and word.isupper() and word != "I"
        if is_initial or (table.ordinal_dot and _ROMAN.fullmatch(word)):
            return _After.GLUED
        if table.ordinal_dot and _DAY_AND_MONTH.fullmatch(word):
            return _After.STRONG_BEFORE_CAPITAL
        if word.isdigit() and len(word) <= 3:
            opens_clause = not "".join(self._chars[: self._token_start]).strip()
            if opens_clause or (table.ordinal_dot and len(word) <= 2):
                return _After.GLUED
        return _After.STRONG

    def _offer(self, here: int, source_end: int, *, strong: bool) -> None:
        """A place where a clause may end: takes it or remembers it."""
        if strong and self._first:
            enough = 1
        elif strong or self._first:
            enough = self._config.first_min_chars
        else:
            enough = self._config.max_chars // 2
        length = len(self._chars)
        if sum(self._weights[:here]) > enough:
            self._cut(here, source_end)
        if len(self._chars) == length:
            self._weak_cut = self._word_cut = here

    def _keep_short(self) -> None:
        limit = self._config.first_max_chars if self._first else self._config.max_chars
        length = len(self._chars)
        if self._weight <= limit:
            return
        end = self._weak_cut if sum(self._weights[: self._weak_cut]) > limit // 2 else 0
        end = end or self._phrase_cut()
        if end:
            self._cut(end, self._offsets[end])
        elif length >= LONGEST_CLAUSE:
            end = length
            self._cut(end, self._offsets[-1] + 1)
        if len(self._chars) == length:
            # Nothing to say up to there: endless punctuation must not pile up.
            self._drop(end)

    def _phrase_cut(self) -> int:
        """The last word that fits, or phrase where words are not parted; 0 for none."""
        end = self._word_cut
        if not end and self._weight > 2 * self._config.max_chars:
            end = self._loose_cut
        if end and is_unspaced(self._chars[end - 1]) and is_unspaced(self._chars[end]):
            return last_phrase("".join(self._chars), self._language, end)
        return end

    def _cut(self, end: int, source_end: int, line_breaks: int = 0) -> None:
        """Makes a clause of the first `end` characters, unless there is nothing to say in it."""
        head = self._chars[:end]
        if not any(char.isalnum() for char in head):
            return
        text = "".join(head).replace(NO_BREAK_SPACE, " ").rstrip(" ")
        offsets = tuple(self._offsets[: len(text)])
        clause = Clause(text, self._source_start, source_end, offsets, line_breaks)
        if self._normaliser is None:
            self._out.append(clause)
        else:
            said = self._normaliser.clause(clause, tuple(self._literal[: len(text)]))
            limit = 2 * (self._config.first_max_chars if self._first else self._config.max_chars)
            self._out += recut(said, limit)
        self._source_start = source_end
        self._first = False
        self._drop(end)

    def _drop(self, end: int) -> None:
        del self._chars[:end]
        del self._offsets[:end]
        del self._literal[:end]
        del self._weights[:end]
        self._weight = sum(self._weights)
        self._token_start = max(0, self._token_start - end)
        self._word_cut = max(0, self._word_cut - end)
        self._loose_cut = max(0, self._loose_cut - end)
        self._weak_cut = max(0, self._weak_cut - end)
