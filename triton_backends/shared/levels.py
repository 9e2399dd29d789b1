"""How loud audio is: int16 mono at 16 kHz in, RMS in int16 units of each 20 ms frame out."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import ASR_FRAME, ASR_RATE

HUM_HZ = 100
"""What is below is no speech: the hum of mains, and an offset of all samples."""
SILENT_RMS = 30.0
"""A frame that is not louder (int16, -60 dBFS) is silence in any room."""


def frame_levels(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """The RMS of every whole 20 ms frame; float32, shape [frames]."""
    return _levels(pcm.astype(np.float32))


def levels_above_hum(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """The same without what is below `HUM_HZ`; for whole utterances, for it costs a transform."""
    if not pcm.size:
        return np.zeros(0, np.float32)
    spectrum = np.fft.rfft(pcm.astype(np.float32))
    spectrum[: -(-HUM_HZ * pcm.size // ASR_RATE)] = 0.0
    return _levels(np.fft.irfft(spectrum, pcm.size).astype(np.float32))


def _levels(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    frames = sound[: sound.size // ASR_FRAME * ASR_FRAME].reshape(-1, ASR_FRAME)
    levels: NDArray[np.float32] = np.sqrt(np.mean(np.square(frames), axis=1))
    return levels


def loudest(pcm: NDArray[np.int16]) -> float:
    """The RMS of the loudest frame; 0 without a frame."""
    levels = frame_levels(pcm)
    return float(levels.max()) if levels.size else 0.0
