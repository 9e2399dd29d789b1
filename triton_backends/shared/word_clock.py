"""Word times from the durations that a network predicts for its phonemes."""

from collections.abc import Iterator, Sequence

import numpy as np

from triton_backends.shared.engine import Word
from triton_backends.shared.word_spans import NO_WORD


class WordClock:
    """Turns the sentences of one text into words, each returned once, in order of the text.

    `spans` are start and end of every word in the text, in characters.
    """

    def __init__(
        self,
        text: str,
        spans: Sequence[tuple[int, int]],
        samples_per_frame: int,
        sample_rate: int,
    ) -> None:
        self._text = text
        self._spans = spans
        self._ms_per_frame = 1000 * samples_per_frame / sample_rate
        self._frames = 0
        self._next = 0
        self._open: list[tuple[float, Word]] = []

    def add(self, words: Sequence[int], durations: np.ndarray, *, last: bool) -> None:
        """The next sentence: for each id its word's index or NO_WORD, and its frames.

        `last` when no other follows.
        """
        ends = np.cumsum(durations) + self._frames
        starts = ends - durations
        whose = np.array(words)
        newest = int(whose.max(initial=NO_WORD))
        until = len(self._spans) if last else newest + 1
        at = float(self._frames)
        for index in range(self._next, until):
            own = np.flatnonzero(whose == index)
            begin = float(starts[own[0]]) if own.size else at
            at = float(ends[own[-1]]) if own.size else at
            self._open.append((begin, self._word(index, begin, at)))
        self._next = until
        self._frames = int(ends[-1]) if ends.size else self._frames

    def begun_before(self, frame: int) -> Iterator[Word]:
        """Words not returned yet that begin before this frame of the whole text's audio."""
        while self._open and self._open[0][0] < frame:
            yield self._open.pop(0)[1]

    def rest(self) -> Iterator[Word]:
        while self._open:
            yield self._open.pop(0)[1]

    def _word(self, index: int, begin: float, end: float) -> Word:
        start, stop = self._spans[index]
        ms = self._ms_per_frame
        return Word(self._text[start:stop], round(begin * ms), round(end * ms), start, stop)
