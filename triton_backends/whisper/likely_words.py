"""Words to expect, as Whisper is told them: where text that was said before would stand.

Whisper writes on in the manner of that text. After a bare list it writes without capitals and full
stops, which the end of a turn then lacks; a list that ends with a full stop is told instead. Of 15
orders (the tuning half, the whole menu as words to expect) 2 ended in one before and 13 do now,
with the same slots heard.
"""

from collections.abc import Callable
from itertools import accumulate
from typing import Final

from triton_backends.whisper.vocabulary import Vocabulary

MAX_PROMPT_TOKENS: Final = 150
"""Of 448 positions, half of which are for the transcript."""
CLOSED: Final = (".", "!", "?", "…", "。", "！", "？")  # noqa: RUF001
MOST_KEPT: Final = 32
"""Prompts whose tokens are kept: every utterance of a session has the same one."""
LONGEST_TOLD: Final = 40


class LikelyWords:
    """The prompts of one model; several threads may read them at once.

    `tell` writes a line to a log: of what there is no room for, once for each prompt that is kept.
    """

    def __init__(self, vocabulary: Vocabulary, tell: Callable[[str], object]) -> None:
        self._vocabulary = vocabulary
        self._tell = tell
        self._kept: dict[str, tuple[int, ...]] = {}

    def read(self, prompt: str) -> tuple[int, ...]:
        """At most MAX_PROMPT_TOKENS tokens; none for an empty prompt.

        Of a longer list with commas the phrases that it begins with are told, in reverse order: the
        likeliest stand first in a list, and the model heeds most what stands last in its prompt. Of
        a longer text with few commas the last tokens are told.

        Raises InvalidArgument where the model has no tokenizer of its own: its vocabulary alone
        does not say how words are cut.
        """
        text = prompt.strip()
        if not text:
            return ()
        if text not in self._kept:
            found = self._tokens(text)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[text] = found
        return self._kept[text]

    def _tokens(self, text: str) -> tuple[int, ...]:
        found = self._vocabulary.encode(_closed(text))
        if len(found) <= MAX_PROMPT_TOKENS:
            return found
        phrases = list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
        lengths = accumulate(len(self._vocabulary.encode(f"{phrase},")) for phrase in phrases)
        first = sum(length <= MAX_PROMPT_TOKENS for length in lengths)
        told = self._vocabulary.encode(_closed(", ".join(reversed(phrases[:first]))))
        if len(told) <= MAX_PROMPT_TOKENS // 2:  # prose that has a comma somewhere is no list
            self._tell_of(f"{len(found) - MAX_PROMPT_TOKENS} of {len(found)} tokens", text)
            return found[-MAX_PROMPT_TOKENS:]
        if left := phrases[first:]:
            self._tell_of(f"{len(left)} of {len(phrases)} phrases", left[0])
        return told[-MAX_PROMPT_TOKENS:]

    def _tell_of(self, how_many: str, begin: str) -> None:
        """Writes what there was no room for, and with what it begins."""
        self._tell(
            f"hot words: {how_many} are not told, from {begin[:LONGEST_TOLD]!r} on: "
            f"there is room for {MAX_PROMPT_TOKENS} tokens"
        )


def _closed(text: str) -> str:
    """The text as a sentence ends."""
    return text if text.endswith(CLOSED) else f"{text.rstrip(',;: ')}."
