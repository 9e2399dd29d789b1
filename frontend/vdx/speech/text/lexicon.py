"""Interrupt words, which stop the bot, and listening sounds, which do not."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from vdx.core.config import BargeInConfig
from vdx.speech.text.languages import language_table, table_language
from vdx.speech.text.writing_systems import is_unspaced, is_word_char

_LONGEST_PHRASE: Final = 8
_ANYWHERE: Final = 3
"""So many characters of an unspaced script are a phrase wherever they stand."""
_LENGTHENED: Final = re.compile(r"([^\W\d_])\1{2,}")
_SAME: Final = {
    "’": "'",  # noqa: RUF001
    "\u0307": None,  # what case folding leaves of a Turkish capital I with a dot
    "ı": "i",  # noqa: RUF001
    "ё": "е",  # noqa: RUF001
    "ـ": None,  # Arabic: lengthening, short vowels, forms of alef
    **{chr(code): None for code in range(0x64B, 0x653)},
    **dict.fromkeys("أإآٱ", "ا"),  # noqa: RUF001
    "\u093c": None,  # Devanagari: the dot of borrowed sounds, two ways to write a nasal
    "ँ": "ं",
}
_FOLD: Final = str.maketrans(_SAME)


def words_of(text: str) -> list[str]:
    """The words of a text, case-folded, without punctuation, spelling variants made one.

    Apostrophes inside stay, hyphens part words ("uh-huh" is "uh huh"), a drawn out sound is cut
    short ("hmmmm" is "hmm"). In scripts that part no words every character is one.
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_FOLD)
    plain = _LENGTHENED.sub(r"\1\1", plain)
    words: list[str] = []
    in_word = False
    for index, char in enumerate(plain):
        if is_unspaced(char):
            words.append(char)
            in_word = False
        elif is_word_char(char) or (char == "'" and in_word and _goes_on(plain, index + 1)):
            if in_word:
                words[-1] += char
            else:
                words.append(char)
            in_word = True
        else:
            in_word = False
    return words


def _goes_on(text: str, index: int) -> bool:
    return index < len(text) and is_word_char(text[index])


def _normal(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(" ".join(words_of(phrase)) for phrase in phrases) - {""}


class Lexicon:
    """The word lists of one conversation: those built in and those of the configuration.

    `config.interrupt_words` and `config.listening_sounds` map a language to additions; those
    of the key "*" hold for every language.
    """

    def __init__(self, language: str, config: BargeInConfig) -> None:
        table = language_table(language)
        self._interrupts = _normal(table.interrupt_words) | _additions(
            config.interrupt_words, language
        )
        sounds = _normal(table.listening_sounds) | _additions(config.listening_sounds, language)
        # A word somebody configured as an interruption is not a listening sound any more.
        self._sounds = sounds - self._interrupts

    def interrupts(self, text: str) -> bool:
        """Whether any word or phrase of the text asks the bot to stop.

        Where a script parts no words, a short phrase may be a piece of a longer word: it counts
        only at the beginning or after listening sounds, a single character also only at the end.
        """
        words = words_of(text)
        covered = self._covered(words)
        return any(
            _stands_alone(words, start, length, after_sounds=covered[start])
            for start in range(len(words))
            for length in _matches(words, start, self._interrupts)
        )

    def only_listening_sounds(self, text: str) -> bool:
        """Whether the text is made of listening sounds alone; an empty text is not."""
        words = words_of(text)
        return bool(words) and self._covered(words)[-1]

    def _covered(self, words: list[str]) -> list[bool]:
        """At i, whether the first i words can be read as listening sounds."""
        covered = [True] + [False] * len(words)
        for start in range(len(words)):
            if covered[start]:
                for length in _matches(words, start, self._sounds):
                    covered[start + length] = True
        return covered


def _stands_alone(words: list[str], start: int, length: int, *, after_sounds: bool) -> bool:
    if not is_unspaced(words[start][0]) or length >= _ANYWHERE:
        return True
    return after_sounds and (length > 1 or start + length == len(words))


def _additions(table: dict[str, tuple[str, ...]], language: str) -> frozenset[str]:
    keys = {"*", table_language(language), language.casefold()}
    return _normal(
        phrase for key, phrases in table.items() if key.casefold() in keys for phrase in phrases
    )


def _matches(words: list[str], start: int, phrases: frozenset[str]) -> list[int]:
    longest = min(_LONGEST_PHRASE, len(words) - start)
    return [n for n in range(1, longest + 1) if " ".join(words[start : start + n]) in phrases]
