"""When words sound: from the alignment of their tokens, without the pauses between them."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE
from triton_backends.whisper.windows import TimedWord

FRAME_MS = ASR_FRAME * 1000 // ASR_RATE
QUIET_SHARE = 0.1
"""Of a word's loudest frame: what is quieter, to the word's end, is a pause behind it."""
FADING_MS = 60
"""Of such a pause that still belongs to the word: a closing sound fades."""

LONG_ONSET_MS = 200
"""A word that is quiet for so long at its beginning has a pause before it: no consonant is."""


def timed_words(
    words: list[tuple[str, list[int]]],
    path: list[tuple[int, int]],
    end_ms: int,
    levels: NDArray[np.float32],
) -> list[TimedWord]:
    """Words and the times at which the alignment path enters their first tokens.

    The path, pairs of a token's number and a time in ms, leaves a word where it enters the next
    one: a pause between them counts to the first or, now and then, to the second, and is taken off
    by `levels`, the RMS of every 20 ms frame.
    """
    entered: dict[int, int] = {}
    for token, ms in path:
        entered.setdefault(token, ms)
    timed: list[TimedWord] = []
    first, floor = 0, 0
    for text, tokens in words:
        start = min(max(entered.get(first, floor), floor), end_ms)
        first += len(tokens)
        left = min(max(entered.get(first, end_ms), start), end_ms)
        start = _sound_begin(levels, start, left)
        end = _sound_end(levels, start, left)
        timed.append(TimedWord(text, tuple(tokens), start, end))
        floor = end
    return timed


def _sound_begin(levels: NDArray[np.float32], start_ms: int, end_ms: int) -> int:
    """Where a word begins to sound that a pause was counted to."""
    heard = levels[start_ms // FRAME_MS : -(-end_ms // FRAME_MS)]
    if not heard.size or not heard.max():
        return start_ms
    first = int(np.flatnonzero(heard >= QUIET_SHARE * heard.max())[0]) * FRAME_MS
    begin = start_ms // FRAME_MS * FRAME_MS + first - FADING_MS
    return begin if first >= LONG_ONSET_MS else start_ms


def _sound_end(levels: NDArray[np.float32], start_ms: int, end_ms: int) -> int:
    """Where a word fades away that lies between these times."""
    heard = levels[start_ms // FRAME_MS : -(-end_ms // FRAME_MS)]
    if not heard.size:
        return end_ms
    last = int(np.flatnonzero(heard >= QUIET_SHARE * heard.max())[-1])
    faded = (start_ms // FRAME_MS + last + 1) * FRAME_MS + FADING_MS
    return min(end_ms, faded)
