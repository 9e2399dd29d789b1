"""Cuts a text that is longer than the model can take, where a person would pause."""

import re
from collections.abc import Callable

_CUTS = (
    re.compile(r"(?<=[.!?…؟।])\s+|(?<=[。！？])\s*"),
    re.compile(r"(?<=[,;:،—–])\s+|(?<=[，；：、])\s*"),
    re.compile(r"\s+"),
)
"""Ends of sentences, of clauses, of words."""


def pieces(text: str, fits: Callable[[str], bool]) -> list[str]:
    """Parts of a text that fit, as long as they can be; cut between words or, at last, in half."""
    whole = text.strip()
    if fits(whole) or len(whole) < 2:
        return [whole]
    for cut in _CUTS:
        parts = [part for part in cut.split(whole) if part]
        if len(parts) > 1:
            small = [piece for part in parts for piece in pieces(part, fits)]
            return _joined(small, fits)
    middle = len(whole) // 2
    return pieces(whole[:middle], fits) + pieces(whole[middle:], fits)


def _joined(parts: list[str], fits: Callable[[str], bool]) -> list[str]:
    longer: list[str] = []
    for part in parts:
        if longer and fits(f"{longer[-1]} {part}"):
            longer[-1] = f"{longer[-1]} {part}"
        else:
            longer.append(part)
    return longer
