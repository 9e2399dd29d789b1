"""Where a live track goes on in a recording of the same microphone, which ended a little later."""

from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_RATE
from vdx.core.events import Pcm

MOST_OVERLAP: Final = 3 * LISTEN_RATE
"""Samples: no client records on for longer once its track is heard."""
LEAST_OVERLAP: Final = LISTEN_RATE // 20
"""Samples, 50 ms: shorter pieces of speech are alike by chance."""
ALIKE: Final = 0.6
"""Correlation of the same sound, coded twice; that of other speech of one person is below."""


def continued_at(recorded: Pcm, live: Pcm) -> int:
    """The sample of `recorded` at which `live` begins; its length where they share nothing.

    Both are int16 mono at 16 kHz, `live` the beginning of the track. What is cut off behind the
    result is in `live` too. By normalised cross-correlation, computed with the FFT (Lewis, Fast
    Normalized Cross-Correlation, 1995).
    """
    tail = recorded[-MOST_OVERLAP:].astype(np.float64)
    head = live.astype(np.float64)
    if min(tail.size, head.size) < LEAST_OVERLAP:
        return int(recorded.size)
    size = 1 << (tail.size + head.size).bit_length()
    products = np.fft.irfft(np.fft.rfft(tail, size) * np.conj(np.fft.rfft(head, size)), size)
    starts = np.arange(tail.size - LEAST_OVERLAP + 1)
    # From each start on as much of `head` lies over the tail as is left of it.
    lengths = np.minimum(head.size, tail.size - starts)
    of_head = np.concatenate([[0.0], np.cumsum(head * head)])[lengths]
    of_tail = np.concatenate([[0.0], np.cumsum(tail * tail)])
    energy = (of_tail[starts + lengths] - of_tail[starts]) * of_head
    alike = products[starts] / np.sqrt(np.maximum(energy, 1.0))
    best = int(np.argmax(alike))
    if alike[best] < ALIKE:
        return int(recorded.size)
    return int(recorded.size - tail.size + best)
