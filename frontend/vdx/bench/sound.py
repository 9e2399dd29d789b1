"""Analysis of heard audio: loud windows, gaps in a tone, samples lost or repeated at a pause."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vdx.core.events import Pcm

WINDOW_MS = 10
LOUD_RMS = 200.0
SILENCE_MS = 700
"""So much silence means that the bot has stopped; its own pauses are shorter."""
MIN_DROPOUT_MS = 10
MAX_DROPOUT_MS = 2_000


def loud_windows(pcm: Pcm, rate: int) -> NDArray[np.bool_]:
    """Which 10 ms windows of int16 `pcm` have an RMS above 200."""
    size = rate * WINDOW_MS // 1000
    whole = pcm[: pcm.size // size * size].reshape(-1, size).astype(np.float32)
    levels: NDArray[np.float32] = np.sqrt((whole * whole).mean(axis=1))
    return levels > LOUD_RMS


def first_loud(pcm: Pcm, rate: int) -> float | None:
    """Seconds to the first loud window; None when all is quiet."""
    loud = np.flatnonzero(loud_windows(pcm, rate))
    return float(loud[0]) * WINDOW_MS / 1000 if loud.size else None


def silent_after(pcm: Pcm, rate: int, silence_ms: int = SILENCE_MS) -> float | None:
    """Seconds to the end of the last loud window before the first long silence.

    0.0 when it begins with one; None when there is no such silence in `pcm`.
    """
    loud = np.flatnonzero(loud_windows(pcm, rate))
    windows = pcm.size // (rate * WINDOW_MS // 1000)
    wanted = silence_ms // WINDOW_MS
    marks = np.concatenate(([-1], loud, [windows]))
    for here, following in itertools.pairwise(marks):
        if following - here - 1 >= wanted:
            return float(here + 1) * WINDOW_MS / 1000
    return None


def loud_ms(pcm: Pcm, rate: int) -> int:
    """How many milliseconds are loud."""
    return int(loud_windows(pcm, rate).sum()) * WINDOW_MS


def dropouts_ms(pcm: Pcm, rate: int) -> list[int]:
    """Lengths of the silences of 10 ms to 2 s between the first and the last sound of a tone."""
    quiet = np.abs(pcm.astype(np.int32)) < LOUD_RMS / 4
    sounding = np.flatnonzero(~quiet)
    if not sounding.size:
        return []
    gaps = np.diff(sounding)
    lengths = gaps[gaps > 1] * 1000 // rate
    return [int(ms) for ms in lengths if MIN_DROPOUT_MS <= ms <= MAX_DROPOUT_MS]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A reply heard with a pause against the same reply without one; milliseconds."""

    lost_ms: float
    doubled_ms: float
    different_ms: float
    """Samples that are neither: changed beyond the fade at the resume."""


def compare(whole: Pcm, heard: Pcm, rate: int, fade_ms: int = 12) -> Comparison:
    """Aligns the beginnings and the ends; what is left over was lost, doubled or changed.

    Synthesis of the same text gives the same samples, so equality is exact but for the fade-in
    after a pause (`fade_ms` covers it and the resampler's memory).
    """
    missing = whole.size - heard.size
    length = min(whole.size, heard.size)
    head = _equal_run(whole[:length], heard[:length])
    tail = _equal_run(whole[::-1][:length], heard[::-1][:length])
    unmatched = max(0, length - head - tail)
    fade = fade_ms * rate // 1000
    to_ms = 1000 / rate
    return Comparison(
        lost_ms=round(max(0, missing) * to_ms, 2),
        doubled_ms=round(max(0, -missing) * to_ms, 2),
        different_ms=round(max(0, unmatched - fade) * to_ms, 2),
    )


def _equal_run(left: Pcm, right: Pcm) -> int:
    """How many leading samples are equal but for rounding."""
    differs = np.flatnonzero(np.abs(left.astype(np.int32) - right.astype(np.int32)) > 2)
    return int(differs[0]) if differs.size else left.size
