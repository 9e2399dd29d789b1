"""A recording whose voice is to be taken, decoded for the models that clone voices."""

from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio_decoder import AudioDecoder, open_file
from vdx.core.errors import InvalidInput

RATE = 24_000
SHORTEST_S, LONGEST_S = 3, 30
SILENT = 0.003
"""RMS of full scale, -50 dB."""


def read_reference(path: Path) -> bytes:
    """An audio file of any usual format as int16 mono at RATE; blocks.

    Raises:
        InvalidInput: it cannot be read, is silent, or has less than SHORTEST_S or more than
            LONGEST_S.
    """
    with open_file(path) as file:
        heard = decode_reference(file, str(path), "reference")
    if np.sqrt(np.mean(heard**2)) < SILENT:
        raise InvalidInput(f"{path} is silent; a voice cannot be taken from it", param="reference")
    return as_pcm(heard)


def decode_reference(file: BinaryIO, name: str, param: str) -> NDArray[np.float32]:
    """A recording of SHORTEST_S to LONGEST_S, mono at RATE, in -1 to 1; blocks.

    `name` is what errors call it. Raises InvalidInput as `read_reference`.
    """
    pieces: list[NDArray[np.float32]] = []
    left = LONGEST_S * RATE
    with closing(AudioDecoder(file, name, RATE)) as decoder:
        while (piece := decoder.read()).size and left >= 0:
            pieces.append(np.asarray(piece, np.float32))
            left -= piece.size
    heard = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if not SHORTEST_S * RATE <= heard.size <= LONGEST_S * RATE:
        told = f"{heard.size / RATE:.1f} s" if left >= 0 else f"more than {LONGEST_S} s"
        raise InvalidInput(
            f"{name} has {told}; a voice is taken from {SHORTEST_S} to {LONGEST_S} s", param=param
        )
    return heard


def as_pcm(heard: NDArray[np.float32]) -> bytes:
    """Samples in -1 to 1 as int16."""
    return np.rint(np.clip(heard, -1, 1) * 32767).astype("<i2").tobytes()
