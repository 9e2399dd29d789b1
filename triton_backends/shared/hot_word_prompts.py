"""The hot words of requests; those that a model cannot write are told of in its log."""

from collections.abc import Callable

from triton_backends.shared.hot_words import HotWords, Spelling

MOST_TOLD = 100
"""Hot words that are told of in the log of one process."""


class HotWordPrompts:
    """Reads prompts for one model; several threads may do so at once."""

    def __init__(self, spelling: Spelling, tell: Callable[[str], object]) -> None:
        """`tell` writes a line to a log."""
        self._spelling = spelling
        self._tell = tell
        self._told: set[str] = set()

    def read(self, prompt: str) -> HotWords | None:
        """The phrases of a prompt; those that cannot be made likelier are told, once each."""
        if not prompt:
            return None
        words = HotWords.of(self._spelling, prompt)
        for phrase in words.unknown:
            if phrase not in self._told and len(self._told) < MOST_TOLD:
                self._told.add(phrase)
                self._tell(f"hot word {phrase[:40]!r}: no tokens of this model write it")
        return words
