"""The places of a text where a clause may end, found character by character."""

from collections.abc import Callable
from typing import Final, Protocol

from vdx.speech.text.held_text import HeldText
from vdx.speech.text.token_ends import After, TokenEnds
from vdx.speech.text.writing_systems import (
    CLOSERS,
    NEVER_FIRST,
    STRONG_ANYWHERE,
    WEAK_ANYWHERE,
    is_hangul,
    is_unspaced,
    may_part,
)

_ROMAN: Final = frozenset("IVXLC")
_ASCII_MARKS: Final = frozenset(".!?;,:…—")


class Offer(Protocol):
    """Takes a place, and the offset in the source up to which a clause that ends there goes."""

    def __call__(self, here: int, source_end: int, *, strong: bool) -> None: ...


class CutPlaces:
    """Reads what is `held`: `before` each character that is added, `space` for white space.

    `offer` gets each place behind a mark and may cut the text there; places between words are
    noted in `held`. `append` adds the space.
    """

    def __init__(
        self, held: HeldText, language: str, append: Callable[[str, int], None], offer: Offer
    ) -> None:
        self._held = held
        self._ends = TokenEnds(language)
        self._append = append
        self._offer = offer
        self._after = After.NOTHING
        self._maybe: tuple[int, int] | None = None
        self._maybe_number = False

    def space(self, offset: int) -> None:
        """White space ends a token; a sentence end is known here, without the next word."""
        if not self._held.chars or self._held.chars[-1] == " ":
            return
        self._decide_maybe(" ")
        if not self._held.chars:
            return
        self._after = self._ends.verdict(self._held.token, self._held.before_token)
        self._append(" ", offset)
        self._held.token_start = len(self._held.chars)
        if self._after in (After.STRONG, After.WEAK):
            self._offer(len(self._held.chars), offset + 1, strong=self._after is After.STRONG)

    def before(self, char: str, offset: int) -> None:
        """What stands before `char` may be decided by it."""
        if not self._held.chars:
            return
        self._decide_maybe(char)
        before = self._held.chars[-1]
        here = len(self._held.chars)
        if before == " ":
            self._begin_word(char, offset)
        elif char in NEVER_FIRST:
            return
        elif before in STRONG_ANYWHERE or before in WEAK_ANYWHERE or before in CLOSERS:
            self._after_mark(char, offset)
        elif before in _ASCII_MARKS and (is_unspaced(char) or is_hangul(char)):
            self._after_ascii_mark(offset)
        elif may_part(before, char):
            self._held.word_cut = self._held.token_start = here

    def _begin_word(self, char: str, offset: int) -> None:
        here = len(self._held.chars)
        after, self._after = self._after, After.NOTHING
        if after is After.STRONG_BEFORE_CAPITAL and char.isupper():
            self._maybe = here, offset
        elif after is After.STRONG_UNLESS_DIGIT and char in _ROMAN:
            self._maybe, self._maybe_number = (here, offset), True
        elif after is After.STRONG_UNLESS_DIGIT and not (char.isdigit() or char in "+("):
            self._offer(here, offset, strong=True)
        elif after is After.WEAK_UNLESS_DIGIT and not char.isdigit():
            self._offer(here, offset, strong=False)
        elif after in (After.NOTHING, After.WEAK, After.STRONG):
            self._may_cut_between_words(char, here)

    def _may_cut_between_words(self, char: str, here: int) -> None:
        """Not within a number; at "5 km" and "March 5" only where there is no other place."""
        after_digit = here > 1 and self._held.chars[here - 2].isdigit()
        of_name = char.isdigit() and self._held.chars[self._held.word_start(here)].isupper()
        if not (after_digit or of_name):
            self._held.word_cut = here
        elif not (after_digit and char.isdigit()):
            self._held.loose_cut = here

    def _decide_maybe(self, char: str) -> None:
        """A capital letter after "Co." or "p.m." begins a sentence, but not of "Ltd." or "EST".

        After "chap." it does unless it is of a Roman numeral; "I" alone is taken for a word.
        """
        if self._maybe is None:
            return
        (here, offset), self._maybe = self._maybe, None
        if self._maybe_number:
            self._maybe_number = False
            first = self._held.chars[here]
            if char in _ROMAN or (first != "I" and not char.isalpha()):
                return
        word = "".join(self._held.chars[here:]) + char
        if not (char.isupper() or char == "." or word == "Lt"):
            self._offer(here, offset, strong=True)

    def _after_mark(self, char: str, offset: int) -> None:
        """Marks that need no white space after them take only closing marks along."""
        end = len(self._held.chars)
        while end and self._held.chars[end - 1] in CLOSERS:
            end -= 1
        last = self._held.chars[end - 1] if end else ""
        in_number = char.isdigit() and end > 1 and self._held.chars[end - 2].isdigit()
        if (last in STRONG_ANYWHERE or last in WEAK_ANYWHERE) and not in_number:
            self._held.token_start = len(self._held.chars)
            self._offer(len(self._held.chars), offset, strong=last in STRONG_ANYWHERE)
        elif may_part(self._held.chars[-1], char):
            self._held.word_cut = self._held.token_start = len(self._held.chars)

    def _after_ascii_mark(self, offset: int) -> None:
        """Chinese, Japanese and Korean are also written with the marks of ASCII, unspaced."""
        here = len(self._held.chars)
        numbered = here > 1 and self._held.chars[-1] == "." and self._held.chars[-2].isdigit()
        verdict = self._ends.verdict(self._held.token, self._held.before_token)
        if verdict in (After.STRONG, After.WEAK) and not numbered:
            self._held.token_start = here
            self._offer(here, offset, strong=verdict is After.STRONG)
