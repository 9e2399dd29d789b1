"""HTML in a stream of text: entities become their characters, tags go.

A filter in front of the markdown cleaner, character by character. Only what is a tag of HTML with
proper attributes is one: "a < b and c > d" stays.
"""

import html
import re
from typing import Final

LONGEST_TAG: Final = 300
_LONGEST_ENTITY: Final = 12
_NAMES: Final = (
    "a|abbr|b|blockquote|br|center|cite|code|del|details|div|em|font|h[1-6]|hr|i|img|ins|kbd|li|mark"
    "|ol|p|pre|q|s|small|span|strike|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul"
)
_ATTRIBUTE: Final = r"""\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_TAG: Final = re.compile(rf"</?(?:{_NAMES})(?:{_ATTRIBUTE})*\s*/?>", re.IGNORECASE)
_COMMENT: Final = re.compile(r"<!--.*-->")
_BREAK: Final = re.compile(r"<br\b", re.IGNORECASE)
_BLOCK: Final = re.compile(r"</?(?:p|div|li|tr|h[1-6]|hr|table|ul|ol|blockquote)\b", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"<([a-z][a-z0-9+.-]*:[^\s<>]+|[^\s<>@]+@[^\s<>@]+)>", re.IGNORECASE)

Placed = tuple[str, int]
"""A character and its offset in the source."""


class HtmlFilter:
    """One text's filter: `feed` characters in order, then `finish`."""

    def __init__(self) -> None:
        self._held = ""
        self._start = 0

    def feed(self, char: str, at: int, *, in_code: bool) -> list[Placed]:
        """What is known to be text now that `char`, at the offset `at`, has come."""
        if not self._held:
            if char not in "&<" or in_code:
                return [(char, at)]
            self._held, self._start = char, at
            return []
        if char in "&<\n":
            before = self.finish()
            return before + self.feed(char, at, in_code=in_code)
        self._held += char
        if char == (";" if self._held[0] == "&" else ">"):
            return self._complete()
        return self.finish() if self._is_text() else []

    def finish(self) -> list[Placed]:
        """What was held is text as it is."""
        held, self._held = self._held, ""
        return [(char, self._start + index) for index, char in enumerate(held)]

    def _is_text(self) -> bool:
        held = self._held
        if held[0] == "&":
            return len(held) > _LONGEST_ENTITY or not (held[-1].isalnum() or held == "&#")
        return len(held) > LONGEST_TAG or not (held[1].isalpha() or held[1] in "/!")

    def _complete(self) -> list[Placed]:
        held = self._held
        if held[0] == "&":
            said = html.unescape(held)
        elif address := _ADDRESS.fullmatch(held):
            said = address[1]
        elif _TAG.fullmatch(held):
            said = "\n\n" if _BLOCK.match(held) else "\n" if _BREAK.match(held) else ""
        else:
            said = "" if _COMMENT.fullmatch(held) else held
        if said == held:
            return self.finish()
        self._held = ""
        return [(char, self._start) for char in said]
