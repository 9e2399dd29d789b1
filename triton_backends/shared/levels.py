"""How loud audio is: int16 mono at 16 kHz in, RMS in int16 units of each 20 ms frame out."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME


def frame_levels(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """The RMS of every whole 20 ms frame; float32, shape [frames]."""
    frames = pcm[: pcm.size // ASR_FRAME * ASR_FRAME].reshape(-1, ASR_FRAME).astype(np.float32)
    levels: NDArray[np.float32] = np.sqrt(np.mean(np.square(frames), axis=1))
    return levels


def loudest(pcm: NDArray[np.int16]) -> float:
    """The RMS of the loudest frame; 0 without a frame."""
    levels = frame_levels(pcm)
    return float(levels.max()) if levels.size else 0.0
