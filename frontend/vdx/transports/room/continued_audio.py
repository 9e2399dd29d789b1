"""Where a recording of a microphone ends in the live track of the same, which began before that."""

from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_RATE, rms
from vdx.core.events import Pcm

PIECE: Final = LISTEN_RATE * 16 // 100
"""Samples that are looked for, 160 ms: a track that begins is stretched, and longer pieces of it
are like nothing that was said."""
PIECES: Final = 8
QUIET_RMS: Final = 30.0
"""Less is silence, which is everywhere."""
ALIKE: Final = 0.5
"""Correlation of the same sound, coded twice: 0.6 to 0.9 on a busy machine, which loses packets."""
ELSEWHERE: Final = 0.9
"""Where a piece is found, and so well (of that correlation) at another place, it is none: a hum is
everywhere, and what lies before the wrong place would be lost."""


def ends_at(recorded: Pcm, live: Pcm) -> int:
    """The sample of `live` that follows the last of `recorded`; 0 where they share nothing.

    Both are int16 mono at 16 kHz, `live` the beginning of the track. The last pieces of the
    recording are looked for, the very last first, by normalised cross-correlation, computed with
    the FFT (Lewis, Fast Normalized Cross-Correlation, 1995).
    """
    for back in range(PIECES):
        end = recorded.size - back * PIECE
        piece = recorded[max(0, end - PIECE) : max(0, end)]
        if piece.size < PIECE or live.size < PIECE:
            break
        if rms(piece) > QUIET_RMS and (found := _find(piece, live)) is not None:
            return min(live.size, found + PIECE * (back + 1))
    return 0


def _find(piece: Pcm, live: Pcm) -> int | None:
    wanted, track = piece.astype(np.float64), live.astype(np.float64)
    size = 1 << (wanted.size + track.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(track, size) * np.conj(np.fft.rfft(wanted, size)), size)
    starts = np.arange(track.size - wanted.size + 1)
    energy = np.concatenate([[0.0], np.cumsum(track * track)])
    there = np.maximum(energy[starts + wanted.size] - energy[starts], 1.0)
    alike = products[starts] / np.sqrt(there * np.dot(wanted, wanted))
    best = int(np.argmax(alike))
    elsewhere = np.concatenate([alike[: max(0, best - PIECE)], alike[best + PIECE :]])
    unsure = elsewhere.size and elsewhere.max() > ELSEWHERE * alike[best]
    return best if alike[best] >= ALIKE and not unsure else None
