"""Which tokens of a window stay: those on which several partials in a row agreed."""

from itertools import takewhile

ROUNDS = 3
"""Partials that must agree."""
UNSETTLED = 2
"""Tokens at the end of a partial that may still change: their sound was not whole."""


class Agreed:
    """Local agreement (Liu et al. 2020) over tokens; what was agreed on once is never taken back.

    The search keeps the first `count` tokens of its draft, so that they are in every later one.
    """

    def __init__(self) -> None:
        self.count = 0
        self._recent: list[list[int]] = []

    def add(self, tokens: list[int]) -> None:
        """Take the next partial."""
        self._recent = [*self._recent[1 - ROUNDS :], tokens[: len(tokens) - UNSETTLED]]
        if len(self._recent) == ROUNDS:
            same = takewhile(lambda row: len(set(row)) == 1, zip(*self._recent, strict=False))
            self.count = max(self.count, sum(1 for _ in same))
