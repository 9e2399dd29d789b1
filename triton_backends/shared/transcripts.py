"""Text work that recognisers share: the WORDS tensor and what of a transcript is stable."""

import json
from collections.abc import Iterable

from triton_backends.shared.engine import Word


def words_json(words: Iterable[Word]) -> str:
    """The WORDS tensor of an ASR response."""
    return json.dumps(
        [{"word": word.word, "start_ms": word.start_ms, "end_ms": word.end_ms} for word in words],
        separators=(",", ":"),
    )


class LocalAgreement:
    """The prefix, in whole words, on which two successive hypotheses agree.

    Local agreement of n = 2 (Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech
    Recognition and Translation by Partial Hypothesis Selection").
    """

    def __init__(self) -> None:
        self._previous: list[str] = []

    def update(self, text: str) -> int:
        """Length in characters of the agreed prefix of `text`."""
        words = text.split()
        agreed = 0
        for old, new in zip(self._previous, words, strict=False):
            if old != new:
                break
            agreed += 1
        self._previous = words
        return len(" ".join(words[:agreed]))
