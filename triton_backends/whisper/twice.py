"""Whether what a transcript says twice was said twice.

Whisper repeats a short sentence in a short window, and at full length it says once what a person
said twice. The two halves of the sound, each decoded alone, decide.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE
from triton_backends.shared.levels import levels_above_hum
from triton_backends.whisper.windows import Window, WindowTranscript

SHORTEST: Final = ASR_RATE // 2
"""Samples of a half that is decoded alone."""
MIDDLE: Final = 0.35, 0.65
"""Share of the sound between which the pause must lie that parts two halves."""
SMOOTHED: Final = 5
"""Frames of 20 ms whose mean level is compared."""
PAUSE: Final = 0.1
"""Of the loudest frame: a level that is louder is no pause, and nothing is parted there."""


def said_twice(
    window: Window, once: WindowTranscript, hear: Callable[[Window], WindowTranscript]
) -> WindowTranscript | None:
    """Both halves of the window where each says the same as `once`; else None."""
    at = _middle(window)
    if at is None:
        return None
    halves = list[WindowTranscript]()
    for pcm in (window.pcm[:at], window.pcm[at:]):
        half = hear(replace(window, pcm=pcm, prefix=(), language=window.language or once.language))
        if _letters(half) != _letters(once):
            return None
        halves.append(half)
    first, second = halves[0], halves[1].later(at * 1000 // ASR_RATE)
    confidence = (first.confidence + second.confidence) / 2
    return WindowTranscript(first.words + second.words, confidence, once.language)


def _middle(window: Window) -> int | None:
    """A sample in a pause near the middle of the sound."""
    levels = levels_above_hum(window.pcm)
    quiet = PAUSE * levels.max(initial=0.0)
    loud = np.flatnonzero(levels > quiet)
    if loud.size < SMOOTHED or window.pcm.size < 2 * SHORTEST:
        return None
    begin, length = int(loud[0]), int(loud[-1] - loud[0])
    first, last = (begin + round(share * length) for share in MIDDLE)
    smooth = np.convolve(levels, np.ones(SMOOTHED) / SMOOTHED, "same")[first : last + 1]
    at = (first + int(smooth.argmin())) * ASR_FRAME
    if smooth.min() > quiet:
        return None
    return at if SHORTEST <= at <= window.pcm.size - SHORTEST else None


def _letters(said: WindowTranscript) -> str:
    return re.sub(r"[\W_]", "", "".join(word.text for word in said.words)).casefold()
