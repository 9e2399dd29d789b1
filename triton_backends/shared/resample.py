"""Streaming conversion from an engine's rate to the 48 kHz of the contract."""

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.framing import OUTPUT_RATE

Pcm = NDArray[np.int16] | NDArray[np.float32]


def as_float(pcm: Pcm) -> NDArray[np.float32]:
    """Samples as float32 in -1 to 1."""
    if pcm.dtype == np.int16:
        return pcm.astype(np.float32) / np.float32(32768.0)
    return pcm.astype(np.float32, copy=False)


class Upsampler:
    """Mono float32 at `rate` Hz in, mono float32 at 48 kHz out.

    soxr's quality LQ: its delay is about 1 ms of audio at 22.05 kHz, that of HQ 33 ms.
    """

    def __init__(self, rate: int) -> None:
        self._stream = None
        if rate != OUTPUT_RATE:
            import soxr

            self._stream = soxr.ResampleStream(rate, OUTPUT_RATE, 1, dtype="float32", quality="LQ")

    def push(self, samples: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Convert a piece; `last` also returns what the filter still holds."""
        if self._stream is None:
            return samples
        converted: NDArray[np.float32] = self._stream.resample_chunk(samples, last=last)
        return converted
