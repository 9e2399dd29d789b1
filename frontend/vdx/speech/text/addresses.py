"""Links, and long tokens that nobody can listen to, said in a few words.

A link is said as people would, "a link to example dot org", and a hash, a key or a token as "a
long code". Tokens of ASCII are held until white space tells where they end, which costs no time:
a clause is cut at white space only.
"""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from vdx.speech.text.characters import Spoken
from vdx.speech.text.normalise.words import Words

LONGEST: Final = 256
"""Characters that are held: they tell what a longer token is, and are cut in two milliseconds."""
_LINK: Final = re.compile(r"(?:(?:https?|ftp|wss?)://|www\.)[^\s<>]+", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DENSE: Final = re.compile(r"[A-Za-z0-9+]{20,}")
_DIGITS: Final = 2
"""A dense token with fewer digits may be a long word."""
_ENDS: Final = ".,;:!?"
_TRAILING: Final = ".,;:!?)]}>\"'*"


class LongTokens:
    """One text's tokens: `push` what the cleaner says, `flush` at its end.

    `said` takes each character that is to be spoken. A language without `words` says the name of
    the site alone, and parts other long tokens as they are.
    """

    def __init__(self, words: Words | None, said: Callable[[Spoken], None]) -> None:
        self._words = words
        self._said = said
        self._token: list[Spoken] = []
        self._dropped: Spoken | None = None
        self._dropping = False
        self._passing = False

    def push(self, spoken: Spoken) -> None:
        char = spoken.char
        if char.isspace() or spoken.literal or not char.isascii():
            self.flush()
            self._said(spoken)
        elif self._dropping:
            self._dropped = spoken
        elif self._passing:
            self._said(spoken)
        else:
            self._token.append(spoken)
            if len(self._token) >= LONGEST:
                held, self._token = self._token, []
                short = self._shortened(held)
                self._dropping = short is not held
                self._passing = not self._dropping
                self._say(short)

    def flush(self) -> None:
        """The token ends here."""
        held, self._token = self._token, []
        if self._dropped is not None and self._dropped.char in _ENDS:
            held = [self._dropped]
        self._dropped = None
        self._dropping = self._passing = False
        self._say(self._shortened(held))

    def _say(self, found: list[Spoken]) -> None:
        for spoken in found:
            self._said(spoken)

    def _shortened(self, held: list[Spoken]) -> list[Spoken]:
        text = "".join(spoken.char for spoken in held)
        found = _LINK.search(text)
        said = self._site(found[0].rstrip(_TRAILING)) if found else ""
        if found is None and self._words is not None and (found := _opaque(text)):
            said = self._words.code
        if not found or not said:
            return held
        end = found.start() + len(found[0].rstrip(_TRAILING))
        offset = held[found.start()].offset
        short = [Spoken(char, offset) for char in said]
        return [*held[: found.start()], *short, *held[end:]]

    def _site(self, link: str) -> str:
        try:
            host = urlsplit(link if "://" in link else f"http://{link}").hostname or ""
        except ValueError:
            return ""
        host = host.removeprefix("www.")
        if self._words is None:
            return host
        site = host.replace(".", f" {self._words.signs['dot']} ")
        return self._words.link.format(site=site)


def _opaque(text: str) -> re.Match[str] | None:
    """The part of a token that is a code; all of it to its trailing marks."""
    dense = _DENSE.findall(text)
    if _UUID.search(text) or any(_is_code(each) for each in dense):
        return re.compile(r"[^\s\"'(\[{<]+").search(text)
    return None


def _is_code(text: str) -> bool:
    digits = sum(char.isdigit() for char in text)
    return digits >= _DIGITS and digits < len(text)
