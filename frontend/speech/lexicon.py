"""Which words stop the bot, and which sounds only say that somebody listens."""

import re
from collections.abc import Iterable
from typing import Final

from frontend.core.config import BargeInConfig
from frontend.speech.languages import language_table

_WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")  # noqa: RUF001
"""Letters and digits with inner apostrophes; hyphens part words ("uh-huh" is "uh huh")."""

_LONGEST_PHRASE: Final = 4


def words_of(text: str) -> list[str]:
    """The words of a text, case-folded, without punctuation."""
    return [match.replace("\u2019", "'") for match in _WORD.findall(text.casefold())]


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
        """Whether any word or phrase of the text asks the bot to stop."""
        words = words_of(text)
        return any(_match(words, start, self._interrupts) for start in range(len(words)))

    def only_listening_sounds(self, text: str) -> bool:
        """Whether the text is made of listening sounds alone; an empty text is not."""
        words = words_of(text)
        if not words:
            return False
        # covered[i]: the first i words can be read as listening sounds.
        covered = [True] + [False] * len(words)
        for start in range(len(words)):
            if covered[start]:
                for length in _matches(words, start, self._sounds):
                    covered[start + length] = True
        return covered[-1]


def _additions(table: dict[str, tuple[str, ...]], language: str) -> frozenset[str]:
    primary = language.replace("_", "-").split("-", 1)[0].casefold()
    keys = {"*", primary, language.casefold()}
    return _normal(
        phrase for key, phrases in table.items() if key.casefold() in keys for phrase in phrases
    )


def _matches(words: list[str], start: int, phrases: frozenset[str]) -> list[int]:
    longest = min(_LONGEST_PHRASE, len(words) - start)
    return [n for n in range(1, longest + 1) if " ".join(words[start : start + n]) in phrases]


def _match(words: list[str], start: int, phrases: frozenset[str]) -> bool:
    return bool(_matches(words, start, phrases))
