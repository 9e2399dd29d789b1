"""Cuts the silence that voices put around a clause to what its end calls for.

A listener waits through every millisecond before the first sound, and many networks end each
clause with a quarter of a second of silence, whatever comes next; espeak-ng ends it with none.
What follows the last sound is the pause that the clause's last punctuation calls for; like the
strengths of SSML's `<break>` (weak: a comma, strong: a sentence, x-strong: a paragraph) it grows
with the boundary.
"""

from collections.abc import Generator, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.engine import Chunk, Word
from triton_backends.shared.resample import as_float

SOUND = 0.003
"""Amplitude from which on a sample may be sound once it is levelled, about -50 dBFS."""
RUN, RUN_MS = 4, 10
"""Sound is so many of them within so many milliseconds; fewer are a click of the network."""
KEPT_MS = 2
"""Kept before the first sound, which may begin softly."""
HELD_MS = 1000
"""Silence longer than this is within the clause: it is given out before sound follows."""

PARAGRAPH_MS = 450
LINE_MS = 250
SENTENCE_MS = 250
CLAUSE_MS = 120
PHRASE_MS = 40
"""Where a clause was cut between two words."""

_SENTENCE_ENDS = frozenset(".!?…。！？｡।॥؟۔")
_CLAUSE_ENDS = frozenset(",;:–—、，；：،؛")
_CLOSERS = "\"'”’»›)]}」』）】"


Samples = NDArray[np.int16] | NDArray[np.float32]


def pause_after(text: str, speed: float) -> int:
    """The pause in milliseconds that the end of a clause's text calls for, at a SPEED.

    A text that ends with a line break is a line of a list, one with two a paragraph.
    """
    breaks = text[len(text.rstrip()) :].count("\n")
    core = text.rstrip().rstrip(_CLOSERS)
    if breaks > 1:
        pause = PARAGRAPH_MS
    elif breaks:
        pause = LINE_MS
    elif core and core[-1] in _SENTENCE_ENDS:
        pause = SENTENCE_MS
    elif core and core[-1] in _CLAUSE_ENDS:
        pause = CLAUSE_MS
    else:
        pause = PHRASE_MS
    return round(pause / speed)


def trim_start(
    chunks: Iterable[Chunk], rate: int, limit_ms: int, gain: float = 1.0
) -> Generator[Chunk]:
    """The same chunks without up to `limit_ms` of leading silence, word times moved with it.

    `gain` is the factor that they are levelled with afterwards.
    """
    dropped = 0
    limit = limit_ms * rate // 1000
    seeking = limit > 0
    for chunk in chunks:
        pcm = chunk.pcm
        if seeking:
            first = leading_silence(pcm, rate, gain)
            seeking = first == pcm.size
            cut = min(first, limit - dropped)
            dropped += cut
            seeking = seeking and dropped < limit
            pcm = pcm[cut:]
        shift = round(dropped * 1000 / rate)
        yield Chunk(pcm, tuple(_earlier(word, shift) for word in chunk.words))


def trim_end(
    chunks: Iterable[Chunk], rate: int, pause_ms: int, gain: float = 1.0
) -> Generator[Chunk]:
    """The same chunks with `pause_ms` of silence after the last sound, if there is any sound.

    `gain` is the factor that they are levelled with afterwards. Silence beyond the pause is held
    back until sound follows it, so that it is known not to be the last; the sound itself is never
    delayed.
    """
    sounded = False
    pause, longest = pause_ms * rate // 1000, HELD_MS * rate // 1000
    given = 0  # of silence since the last sound
    held: list[Any] = []
    for chunk in chunks:
        pcm = chunk.pcm
        loud = _loud(pcm, rate, gain)
        if loud.size:
            sounded = True
            sound = int(loud[-1]) + 1
            cut, given = min(sound + pause, pcm.size), min(pause, pcm.size - sound)
            out, held = [*held, pcm[:cut]], [pcm[cut:]]
        else:
            cut = min(pause - given, pcm.size)
            given += cut
            out, held = [pcm[:cut]], [*held, pcm[cut:]]
        if sum(each.size for each in held) > longest:
            out, held = [*out, *held], []
        yield Chunk(np.concatenate(out), chunk.words)
    if sounded and given < pause:
        yield Chunk(np.zeros(pause - given, np.float32))


def leading_silence(pcm: Samples, rate: int, gain: float = 1.0) -> int:
    """How many samples `trim_start` leaves out where nothing limits it; all where none is sound."""
    loud = _loud(pcm, rate, gain)
    return max(int(loud[0]) - KEPT_MS * rate // 1000, 0) if loud.size else pcm.size


def _loud(pcm: Samples, rate: int, gain: float) -> NDArray[np.intp]:
    """The samples that are sound."""
    loud = np.flatnonzero(np.abs(as_float(pcm)) > SOUND / gain)
    if loud.size < RUN:
        return loud[:0]
    begins = np.flatnonzero(loud[RUN - 1 :] - loud[: 1 - RUN] <= RUN_MS * rate // 1000)
    return loud[np.unique(begins[:, None] + np.arange(RUN))]


def _earlier(word: Word, shift_ms: int) -> Word:
    return Word(
        word.word,
        max(word.start_ms - shift_ms, 0),
        max(word.end_ms - shift_ms, 0),
        word.char_start,
        word.char_end,
    )
