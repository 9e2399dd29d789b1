"""The text that a chunker holds until it is a clause, with the places where it may be cut."""

from vdx.speech.text.characters import NO_BREAK_SPACE
from vdx.speech.text.writing_systems import is_unspaced, last_phrase, weight


class HeldText:
    """Characters with their source offsets, whether they are literal, and their weights.

    `token_start` is where the last token begins. The cuts are 0 where there is none: `weak_cut`
    behind a mark, `word_cut` between words, `loose_cut` where words belong together.
    """

    def __init__(self) -> None:
        self.chars: list[str] = []
        self.offsets: list[int] = []
        self.weight = 0
        self.token_start = 0
        self.word_cut = 0
        self.loose_cut = 0
        self.weak_cut = 0
        self._literal: list[bool] = []
        self._weights: list[int] = []

    @property
    def token(self) -> str:
        """What stands since white space or a mark."""
        return "".join(self.chars[self.token_start :])

    @property
    def before_token(self) -> str:
        """The last character before the token that is no white space; empty for none."""
        at = self.token_start
        while at and self.chars[at - 1].isspace():
            at -= 1
        return self.chars[at - 1] if at else ""

    def append(self, char: str, offset: int, *, literal: bool) -> int:
        """Adds a character; its weight."""
        self.chars.append(char)
        self.offsets.append(offset)
        self._literal.append(literal)
        self._weights.append(weight(char))
        self.weight += self._weights[-1]
        return self._weights[-1]

    def part(self, end: int, offset: int) -> None:
        """Puts a space that the source has not before `end`; at the end it comes from `offset`."""
        self.offsets.insert(end, self.offsets[end] if end < len(self.chars) else offset)
        self.chars.insert(end, " ")
        self._literal.insert(end, False)
        self._weights.insert(end, weight(" "))
        self.weight += weight(" ")
        self.token_start = self.word_cut = end + 1

    def weight_of(self, end: int) -> int:
        """The weight of the first `end` characters."""
        return sum(self._weights[:end])

    def word_start(self, here: int) -> int:
        """Where the word before a space begins."""
        start = max(here - 2, 0)  # behind it is the space
        while start and self.chars[start - 1] != " ":
            start -= 1
        return start

    def phrase_cut(self, max_weight: int, language: str) -> int:
        """The last word that fits, or phrase where words are not parted; 0 for none."""
        end = self.word_cut
        if not end and self.weight > 2 * max_weight:
            end = self.loose_cut
        if end and is_unspaced(self.chars[end - 1]) and is_unspaced(self.chars[end]):
            return last_phrase("".join(self.chars), language, end)
        return end

    def head(self, end: int) -> tuple[str, tuple[int, ...], tuple[bool, ...]]:
        """The first `end` characters without white space at their end, with offsets and literal."""
        text = "".join(self.chars[:end]).replace(NO_BREAK_SPACE, " ").rstrip(" ")
        return text, tuple(self.offsets[: len(text)]), tuple(self._literal[: len(text)])

    def drop(self, end: int) -> None:
        """Forgets the first `end` characters."""
        del self.chars[:end]
        del self.offsets[:end]
        del self._literal[:end]
        del self._weights[:end]
        self.weight = sum(self._weights)
        self.token_start = max(0, self.token_start - end)
        self.word_cut = max(0, self.word_cut - end)
        self.loose_cut = max(0, self.loose_cut - end)
        self.weak_cut = max(0, self.weak_cut - end)
