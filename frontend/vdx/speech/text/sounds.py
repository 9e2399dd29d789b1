"""Tags of sounds in a stream of text, such as [laughs], [sighs deeply] or <cough>.

Language models write them for voices that make such sounds. A voice that makes one is given the
tag as it knows it; for every other voice the tag is no part of the text, so that nothing reads it
aloud and what is shown and kept is what was heard.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from vdx.core.events import Clause
from vdx.speech.text.characters import SOUND
from vdx.speech.text.sound_words import sound_words

LONGEST: Final = 40
"""Characters between the brackets."""
_CLOSING: Final = {"[": "]", "<": ">"}
_BETWEEN: Final = re.compile(r"[\s,_-]+")
_TICKS: Final = "`~"
_FENCE: Final = 3


class Piece(NamedTuple):
    """Text, or the tag of a sound that the voice makes."""

    text: str
    is_sound: bool = False


class SoundTags:
    """One text's filter: `feed` deltas as they come, then `finish`.

    `makes` tells the tags of the voice, as it is now. What stands in code stays, and so does a link
    whose text looks like a tag. A tag that goes takes the space behind it along.
    """

    def __init__(self, makes: Callable[[], Collection[str]]) -> None:
        self._makes = makes
        self._out: list[Piece] = []
        self._held = ""
        self._before = " "
        self._ticks = ""
        self._open = ""
        self._dropped = False

    def feed(self, text: str) -> list[Piece]:
        """What is known now that this delta has come."""
        self._out = []
        for char in text:
            self._take(char)
        return _joined(self._out)

    def finish(self) -> list[Piece]:
        """What was still undecided at the end of the text."""
        self._out = []
        if self._is_tag():
            self._settle()
        else:
            self._release()
        return _joined(self._out)

    def _take(self, char: str) -> None:
        if self._is_tag():
            if self._held[0] == "[" and char == "(":
                self._release()
            else:
                self._settle()
        if self._held:
            self._fill(char)
        elif char in _CLOSING and self._may_begin():
            self._held = char
        else:
            self._pass(char)

    def _may_begin(self) -> bool:
        in_code = self._ticks != self._open
        return not (in_code or self._before.isdecimal() or self._before in "_\\!")

    def _fill(self, char: str) -> None:
        """A tag has letters between its brackets, and is short."""
        closes = char == _CLOSING[self._held[0]]
        may_be = not char.isascii() or char.isalpha() or char in " -_',/"
        if closes or (may_be and len(self._held) <= LONGEST):
            self._held += char
            if closes and not self._is_tag():
                self._release()
        else:
            self._release()
            self._take(char)

    def _is_tag(self) -> bool:
        """Whether a whole tag is held."""
        held = self._held
        return len(held) > 2 and held[-1] == _CLOSING[held[0]] and _is_known(held, self._makes())

    def _settle(self) -> None:
        tag, self._held = self._held, ""
        if made := _made_of(tag, self._makes()):
            self._out.append(Piece(made, is_sound=True))
            self._before = ">"
        else:
            self._dropped = True

    def _release(self) -> None:
        """What was held is text as it is."""
        held, self._held = self._held, ""
        for char in held:
            self._pass(char)

    def _pass(self, char: str) -> None:
        dropped, self._dropped = self._dropped, False
        if dropped and char == " " and self._before.isspace():
            self._dropped = True
            return
        if dropped and char in ".,;:!?…" and self._out and self._out[-1] == (" ", False):
            self._out.pop()
        self._count_ticks(char)
        self._before = char
        if self._out and not self._out[-1].is_sound and char != " ":
            self._out[-1] = Piece(self._out[-1].text + char)
        else:
            self._out.append(Piece(char))

    def _count_ticks(self, char: str) -> None:
        """So many backticks as opened code close it; a line ends what one or two opened."""
        if char in _TICKS and (not self._ticks or self._ticks[0] == char):
            self._ticks += char
            return
        run, self._ticks = self._ticks, ""
        if run and (run[0] == "`" or len(run) >= _FENCE):
            self._open = "" if run == self._open else self._open or run
        if char == "\n" and len(self._open) < _FENCE:
            self._open = ""
        if char in _TICKS:
            self._ticks = char


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Texts that follow each other as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and not (piece.is_sound or joined[-1].is_sound):
            joined[-1] = Piece(joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined


def with_sounds(
    clause: Clause, literal: tuple[bool, ...], tags: Mapping[int, str]
) -> tuple[Clause, tuple[bool, ...]]:
    """The clause with its tags, by their place in the source, where a character stands for each."""
    text, offsets, kept, sounds = [], list[int](), list[bool](), list[str]()
    for char, at, own in zip(clause.text, clause.offsets, literal, strict=True):
        said = tags[at] if char == SOUND else char
        text.append(said)
        offsets += range(at, at + len(said))
        kept += [own or char == SOUND] * len(said)
        if char == SOUND:
            sounds.append(said)
    told = replace(clause, text="".join(text), offsets=tuple(offsets), sounds=tuple(sounds))
    return told, tuple(kept)


def without_sounds(clause: Clause, makes: Collection[str]) -> Clause:
    """The clause for a voice that took the place of one which made its sounds: blanks for tags.

    They are as long, so that every character is where it was.
    """
    text = clause.text
    for tag in clause.sounds:
        if tag not in makes:
            text = text.replace(tag, " " * len(tag))
    return replace(clause, text=text) if text != clause.text else clause


def _is_known(tag: str, makes: Collection[str]) -> bool:
    return _exact(tag, makes) != "" or sound_words().name_a_sound(_words(tag))


def _made_of(tag: str, makes: Collection[str]) -> str:
    """The voice's own tag for a sound; empty where it has none.

    A tag of another word for the same sound is enough, unless it is one of a pair around words.
    """
    if exact := _exact(tag, makes):
        return exact
    kind = _kind(tag)
    alone = (own for own in makes if f"</{own[1:]}" not in makes and "/" not in own)
    return next((own for own in sorted(alone) if kind and _kind(own) == kind), "")


def _exact(tag: str, makes: Collection[str]) -> str:
    written = tag.lower()
    return next((own for own in makes if own.lower() == written), "")


def _kind(tag: str) -> str:
    return sound_words().kind(_words(tag))


def _words(tag: str) -> list[str]:
    return [word for word in _BETWEEN.split(tag[1:-1].strip("/ ").lower()) if word]
