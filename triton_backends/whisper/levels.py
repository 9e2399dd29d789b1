"""How loud audio is, over time: int16 mono at 16 kHz in, int16 RMS out."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME

PAUSE_FRAMES = 15  # 300 ms
QUIET_RATIO = 1.2


def frame_levels(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """The RMS of every whole 20 ms frame."""
    frames = pcm[: pcm.size // ASR_FRAME * ASR_FRAME].reshape(-1, ASR_FRAME).astype(np.float32)
    levels: NDArray[np.float32] = np.sqrt(np.mean(np.square(frames), axis=1))
    return levels


def loudest(pcm: NDArray[np.int16]) -> float:
    """The RMS of the loudest frame; 0 without a frame."""
    levels = frame_levels(pcm)
    return float(levels.max()) if levels.size else 0.0


def quietest(pcm: NDArray[np.int16]) -> int:
    """A sample in the second half where least is said: the middle of its quietest 300 ms.

    In a longer pause, its end: what follows then begins with speech.
    """
    levels = frame_levels(pcm)
    half = levels.size // 2
    smooth = np.convolve(levels[half:], np.ones(PAUSE_FRAMES) / PAUSE_FRAMES, "valid")
    quiet = np.flatnonzero(smooth <= QUIET_RATIO * smooth.min() + 1)
    return (half + int(quiet[-1]) + PAUSE_FRAMES // 2) * ASR_FRAME
