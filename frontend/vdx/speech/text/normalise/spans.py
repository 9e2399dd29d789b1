"""A text that is rewritten piece by piece and still knows where each character came from."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vdx.speech.text.writing_systems import is_unspaced, is_word_char

_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0eff"
NO_WORD: Final = rf"(?<![^\W{_UNSPACED}])"
"""Not inside a word; a script that parts no words has no inside."""
LEFT: Final = rf"{NO_WORD}(?<![.,:])"
"""What a number may begin behind: no letter, unless the script parts no words, and no number."""
RIGHT: Final = rf"(?![^\W{_UNSPACED}])"
"""What may follow a unit."""
BESIDE: Final = r"(?<!\d)(?<!\d[.,:])"
"""What a number with a sign may begin behind ("about50%"): no number."""

Say = Callable[[re.Match[str]], str | None]
"""What a match is said as; None where it stays."""


@dataclass(frozen=True, slots=True)
class SpanText:
    """`offsets[i]` is where `text[i]` came from; the characters at `literal` are not rewritten.

    What replaces a match has the offset of its beginning, all of it: half of "five dollars" is no
    part of "$5" that was said.
    """

    text: str
    offsets: tuple[int, ...]
    literal: tuple[bool, ...]

    def rewrite(
        self, pattern: re.Pattern[str], say: Say, *, parted: bool = True, literal: bool = False
    ) -> "SpanText":
        """Every match replaced by what `say` returns, `parted` from the words around it.

        `literal`: what replaces it is not rewritten again.
        """
        matches = list(pattern.finditer(self.text))
        if not matches:
            return self
        text, offsets, kept = [], list[int](), list[bool]()
        at = 0
        for match in matches:
            start, end = match.span()
            said = None if any(self.literal[start:end]) else say(match)
            if said is None or said == match[0]:
                continue
            said = self._parted(said, start, end) if parted else said
            text += [self.text[at:start], said]
            offsets += [*self.offsets[at:start], *[self.offsets[start]] * len(said)]
            kept += [*self.literal[at:start], *[literal] * len(said)]
            at = end
        text.append(self.text[at:])
        offsets += self.offsets[at:]
        kept += self.literal[at:]
        return SpanText("".join(text), tuple(offsets), tuple(kept))

    def replace(self, old: str, new: str) -> "SpanText":
        """Every `old` replaced by `new`, as `rewrite` does."""
        return self.rewrite(re.compile(re.escape(old)), lambda _: new)

    def _parted(self, said: str, start: int, end: int) -> str:
        before, after = self.text[start - 1 : start], self.text[end : end + 1]
        if _joins(before, said[:1]):
            said = f" {said}"
        return f"{said} " if _joins(said[-1:], after) else said


def ends_text(match: re.Match[str]) -> bool:
    """Whether only closing marks follow: a full stop at its end may end the sentence as well."""
    return not any(char.isalnum() or char in ",;:" for char in match.string[match.end() :])


def _joins(before: str, after: str) -> bool:
    """Whether two characters would make one word that is none."""
    if not (before and after and is_word_char(before) and is_word_char(after)):
        return False
    return not (is_unspaced(before) or is_unspaced(after) or _is_hangul(after) or after == "'")


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"
