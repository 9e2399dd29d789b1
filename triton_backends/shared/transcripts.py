"""What recognisers share: the WORDS tensor, and which part of a transcript is stable."""

import itertools
import json
from collections import deque
from collections.abc import Iterable

from triton_backends.shared.engine import Hypothesis, Mark, Word

RECENT_MS = 30_000
"""Of the words that a partial transcript is sent with: somebody may speak for an hour."""


def words_json(words: Iterable[Word]) -> str:
    """The WORDS tensor of an ASR response."""
    return json.dumps(
        [{"word": word.word, "start_ms": word.start_ms, "end_ms": word.end_ms} for word in words],
        separators=(",", ":"),
    )


def recent_words(hypothesis: Hypothesis) -> list[Word]:
    """Those that end in the last `RECENT_MS` of the audio, in their order."""
    begin = hypothesis.audio_ms - RECENT_MS
    recent = itertools.takewhile(lambda word: word.end_ms > begin, reversed(hypothesis.words))
    return list(recent)[::-1]


def marks_json(marks: Iterable[Mark]) -> str:
    """The MARKS tensor of an ASR response."""
    return json.dumps(
        [{"kind": mark.kind, "at_ms": mark.at_ms} for mark in marks], separators=(",", ":")
    )


class Agreement:
    """The prefix, in whole words, that several successive hypotheses share.

    Local agreement (Liu et al. 2020, "Low-Latency Sequence-to-Sequence Speech Recognition and
    Translation by Partial Hypothesis Selection") over `rounds` hypotheses instead of two. At one
    hypothesis every 60 ms, pocketsphinx later changes a prefix of 2 in 21 % of the cases, of 5 in
    4 %.
    """

    def __init__(self, rounds: int) -> None:
        self._recent: deque[list[str]] = deque(maxlen=rounds)

    def update(self, text: str) -> int:
        """Take the next hypothesis; returns how many of its leading characters are agreed on."""
        self._recent.append(text.split())
        if len(self._recent) < (self._recent.maxlen or 0):
            return 0
        agreed = list(itertools.takewhile(_all_same, zip(*self._recent, strict=False)))
        return len(" ".join(words[0] for words in agreed))


def _all_same(words: tuple[str, ...]) -> bool:
    return len(set(words)) == 1
