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

from typing import Final

from vdx.core.config import ClauseConfig
from vdx.core.events import Clause
from vdx.speech.text.addresses import LongTokens
from vdx.speech.text.characters import (
    LINE_BREAK,
    LINE_END,
    NO_BREAK_SPACE,
    PARAGRAPH_END,
    SOUND,
    Spoken,
)
from vdx.speech.text.cleaning import Cleaner
from vdx.speech.text.cut_places import CutPlaces
from vdx.speech.text.held_text import HeldText
from vdx.speech.text.html import HtmlFilter
from vdx.speech.text.languages import DEFAULT_LANGUAGE
from vdx.speech.text.long_tokens import piece_end
from vdx.speech.text.normalise import Normaliser
from vdx.speech.text.pronunciation import Pronunciation
from vdx.speech.text.recut import recut
from vdx.speech.text.sounds import with_sounds

LONGEST_CLAUSE: Final = 1000
"""What a voice accepts in one request; only punctuation without an end gets there."""

SHORT_LINE: Final = 40
"""A line of so few characters is one of its own, though no mark says so."""
LINE, PARAGRAPH = 1, 2
"""The line breaks of a clause that ends one."""

_BREAKS: Final = frozenset((LINE_BREAK, LINE_END, PARAGRAPH_END))


class ClauseChunker:
    """Cuts one reply: `feed` deltas as they come, then `finish` once.

    The source spans of the clauses follow each other without a gap from offset 0; only what comes
    after the last spoken character (trailing emoji, a code block) may belong to none. A text that
    is only code is one clause that says so, and spans it.

    `normaliser` writes what a clause says in words; without one it stays as it was written.
    `pronunciation` says before that how some words are spoken.
    """

    def __init__(
        self,
        config: ClauseConfig,
        language: str = DEFAULT_LANGUAGE,
        normaliser: Normaliser | None = None,
        pronunciation: Pronunciation | None = None,
    ) -> None:
        self._config = config
        self._language = language
        self._cleaner = Cleaner()
        self._html = HtmlFilter()
        self._normaliser = normaliser
        self._pronunciation = pronunciation
        self._tokens: LongTokens | None = None
        if normaliser is not None and config.links == "short":
            self._tokens = LongTokens(normaliser.words, self._push)
        self._out: list[Clause] = []
        self._held = HeldText()
        self._places = CutPlaces(self._held, language, self._append, self._offer)
        self._line_weight = 0
        self._fed = 0
        self._source_start = 0
        self._first = True
        self._break: Spoken | None = None
        self._white: int | None = None
        self._sounds: dict[int, str] = {}

    def feed(self, text: str) -> list[Clause]:
        """The clauses that are complete now that this delta has come."""
        self._out = []
        for char in text:
            self._clean(self._html.feed(char, self._fed, in_code=self._cleaner.in_code))
            self._fed += 1
        return self._out

    def feed_sound(self, tag: str) -> list[Clause]:
        """The same for the tag of a sound, which reaches the voice as it is."""
        self._out = []
        self._sounds[self._fed] = tag
        self._clean(self._html.feed(SOUND, self._fed, in_code=self._cleaner.in_code))
        self._fed += len(tag)
        return self._out

    def _clean(self, found: list[tuple[str, int]]) -> None:
        for char, at in found:
            for spoken in self._cleaner.feed(char, at):
                self._take(spoken)

    def _take(self, spoken: Spoken) -> None:
        if spoken.char == SOUND and spoken.offset not in self._sounds:
            spoken = Spoken(" ", spoken.offset)  # a private character of the text's own
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
        self._cut(len(self._held.chars), self._fed)
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
        if char != NO_BREAK_SPACE or (self._held.chars and self._held.chars[-1] != " "):
            if char != NO_BREAK_SPACE:
                self._places.before(char, offset)
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
            self._places.space(offset)

    def _end_line(self, source_end: int, line_breaks: int) -> None:
        self._break = self._white = None
        self._line_weight = 0
        self._cut(len(self._held.chars), source_end, line_breaks)
        self._held.drop(len(self._held.chars))

    def _append(self, char: str, offset: int, *, literal: bool = False) -> None:
        self._line_weight += self._held.append(char, offset, literal=literal)

    def _part_long_token(self, char: str, offset: int) -> None:
        """Parts the token that `char` goes on with, where it has become too long for a word."""
        end = piece_end(self._held.chars, self._held.token_start, char)
        if not end:
            return
        self._held.part(end, offset)

    def _offer(self, here: int, source_end: int, *, strong: bool) -> None:
        """A place where a clause may end: takes it or remembers it."""
        if strong and self._first:
            enough = 1
        elif strong or self._first:
            enough = self._config.first_min_chars
        else:
            enough = self._config.max_chars // 2
        length = len(self._held.chars)
        if self._held.weight_of(here) > enough:
            self._cut(here, source_end)
        if len(self._held.chars) == length:
            self._held.weak_cut = self._held.word_cut = here

    def _keep_short(self) -> None:
        limit = self._config.first_max_chars if self._first else self._config.max_chars
        length = len(self._held.chars)
        if self._held.weight <= limit:
            return
        end = self._held.weak_cut if self._held.weight_of(self._held.weak_cut) > limit // 2 else 0
        end = end or self._held.phrase_cut(self._config.max_chars, self._language)
        if end:
            self._cut(end, self._held.offsets[end])
        elif length >= LONGEST_CLAUSE:
            end = length
            self._cut(end, self._held.offsets[-1] + 1)
        if len(self._held.chars) == length:
            # Nothing to say up to there: endless punctuation must not pile up.
            self._held.drop(end)

    def _cut(self, end: int, source_end: int, line_breaks: int = 0) -> None:
        """Makes a clause of the first `end` characters, unless there is nothing to say in it."""
        text, offsets, literal = self._held.head(end)
        if not any(char.isalnum() or char == SOUND for char in text):
            return
        clause = Clause(text, self._source_start, source_end, offsets, line_breaks)
        if SOUND in text:
            clause, literal = with_sounds(clause, literal, self._sounds)
        if self._pronunciation is not None:
            clause, literal = self._pronunciation.clause(clause, literal)
        if self._normaliser is None:
            self._out.append(clause)
        else:
            said = self._normaliser.clause(clause, literal)
            limit = 2 * (self._config.first_max_chars if self._first else self._config.max_chars)
            self._out += recut(said, limit)
        self._source_start = source_end
        self._first = False
        self._held.drop(end)
