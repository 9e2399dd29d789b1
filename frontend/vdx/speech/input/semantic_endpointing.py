"""Semantic endpointing: whether the words so far sound finished, by rules for each language.

The input is the speculative transcript at a pause, of which only the last words count. A phrase is
unfinished when it ends

1. in a mark that continues ("…", ",", "-"), or
2. in a word that needs another one after it (article, preposition, conjunction, auxiliary,
   possessive, filler), unless it is the end of a closing phrase ("I think so"), or the word can
   be stranded and a question word came shortly before it ("who is it for"), or
3. in a particle or suffix that does the same where words are not parted by spaces, or
4. within something spelled: two or more digits or single letters in a row.

Everything else is finished, a question mark always is, and so is a language without a table. The
tables are in `endpointing_words_european.py` and
`endpointing_words_other.py`.
"""

import re
from typing import Final

from vdx.core.language_tags import primary_subtag
from vdx.speech.input.endpointing_words_european import EUROPEAN, UnfinishedWords
from vdx.speech.input.endpointing_words_other import BEYOND
from vdx.speech.text.languages import DEFAULT_LANGUAGE

UNFINISHED_WORDS: Final[dict[str, UnfinishedWords]] = {**EUROPEAN, **BEYOND}

SPELLED: Final = 2
"""Digits or letters in a row that look like a number or a name being spelled."""

QUESTION_SPAN: Final = 6
"""Words within which a question word still belongs to the last one."""

_GOES_ON: Final = re.compile(r"(?:\.\.\.|…|[,、，،;:–—-])\s*$")  # noqa: RUF001
_ASKS: Final = re.compile(r"[?？؟]\s*$")  # noqa: RUF001
_MARKS: Final = re.compile(r"[\s.!。！।]+$")  # noqa: RUF001
_SPLIT: Final = re.compile(r"[\s–—]+|(?<=\b\w)-(?=\w\b)")  # noqa: RUF001
"""Hyphens part what is spelled ("2-9-3", "v-d-x"), not words ("sais-tu")."""
_EDGES: Final = ".,!?…;:\"'()[]«»„“”‘’。、，！？；：।،؟؛"  # noqa: RUF001
_LONGEST_CLOSING: Final = 4


class SemanticEndpointing:
    """The rules of one language."""

    def __init__(self, language: str) -> None:
        self._table = UNFINISHED_WORDS.get(primary_subtag(language) or DEFAULT_LANGUAGE)

    def spelled(self, text: str) -> int:
        """How many digits or single letters in a row `text` ends with."""
        return _spelled(_words(text, self._table), self._table) if self._table else 0

    def unfinished(self, text: str, *, closed: bool = False) -> bool:
        """Whether the user is likely to go on after `text`.

        `closed`: a recogniser that punctuates ended it with a full stop, so that a word that can
        be stranded ("than he was.") is.
        """
        table = self._table
        words = _words(text, table) if table else []
        if table is None or not words or _ASKS.search(text):
            return False
        if _GOES_ON.search(text) or _spelled(words, table) >= SPELLED:
            return True
        bare = _MARKS.sub("", text.casefold())
        if any(bare.endswith(suffix) for suffix in table.closing_suffixes):
            return False
        if any(bare.endswith(suffix) for suffix in table.suffixes):
            return True
        return _hanging(words, table) and not (closed and words[-1] in table.stranded)


def _words(text: str, table: UnfinishedWords) -> list[str]:
    """Case-folded, without punctuation at their edges; characters where no spaces part words.

    Not those of the lexicon, which parts words at the vowel signs of Devanagari.
    """
    if not table.spaced:
        return [char for char in text.casefold() if char.isalnum()]
    words = _SPLIT.split(text.casefold().replace("\u2019", "'"))
    return [word for word in (word.strip(_EDGES) for word in words) if word]


def _hanging(words: list[str], table: UnfinishedWords) -> bool:
    last = words[-1]
    if last not in table.words and last not in table.stranded:
        return False
    if len(words) == 1 and last in table.questions:
        return False
    ends = {" ".join(words[-n:]) for n in range(1, _LONGEST_CLOSING + 1)}
    if ends & table.closings:
        return False
    asked = any(word in table.questions for word in words[-QUESTION_SPAN:-1])
    answered = len(words) > 1 and words[0] in table.answers
    return last in table.words or not (asked or answered)


def _spelled(words: list[str], table: UnfinishedWords) -> int:
    """How many digits or letters in a row the words end with."""
    run = 0
    for word in reversed(words):
        if not (word in table.digits or (len(word) <= 2 and word.isdigit()) or _is_letter(word)):
            break
        run += 1
    # "a" and "i" are words: a run of letters alone must be longer than what they make up.
    return run if run and any(word not in table.words for word in words[-run:]) else 0


def _is_letter(word: str) -> bool:
    return len(word) == 1 and word.isascii() and word.isalpha()
