"""Leaves out the silence that a voice begins with, which delays the first audible sound."""

from collections.abc import Generator, Iterable

import numpy as np

from triton_backends.shared.engine import Chunk, Word
from triton_backends.shared.resample import as_float

SOUND = 0.003
"""Absolute sample value, -1 to 1, above which there is sound: about -50 dBFS."""
KEPT_MS = 2
"""Of the silence before the first sound."""


def trim_start(chunks: Iterable[Chunk], rate: int, limit_ms: int) -> Generator[Chunk]:
    """The same chunks without up to `limit_ms` of leading silence, word times moved with it."""
    dropped = 0
    limit = limit_ms * rate // 1000
    seeking = limit > 0
    for chunk in chunks:
        pcm = chunk.pcm
        if seeking:
            loud = np.flatnonzero(np.abs(as_float(pcm)) > SOUND)
            seeking = not loud.size
            first = pcm.size if seeking else max(int(loud[0]) - KEPT_MS * rate // 1000, 0)
            cut = min(first, limit - dropped)
            dropped += cut
            seeking = seeking and dropped < limit
            pcm = pcm[cut:]
        shift = round(dropped * 1000 / rate)
        yield Chunk(pcm, tuple(_earlier(word, shift) for word in chunk.words))


def _earlier(word: Word, shift_ms: int) -> Word:
    return Word(
        word.word,
        max(word.start_ms - shift_ms, 0),
        max(word.end_ms - shift_ms, 0),
        word.char_start,
        word.char_end,
    )
