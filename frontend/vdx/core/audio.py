"""Sample rates, frame sizes and framing: the audio arithmetic that all stages share.

Audio inside vdx is signed 16-bit mono PCM in 20 ms frames.
"""

from typing import Final

import numpy as np

from vdx.core.events import Pcm

FRAME_MS: Final = 20
LISTEN_RATE: Final = 16_000
"""Sample rate of VAD and recognisers, in Hz."""
SPEAK_RATE: Final = 48_000
"""Sample rate of voices, in Hz."""
LISTEN_FRAME: Final = LISTEN_RATE * FRAME_MS // 1000
SPEAK_FRAME: Final = SPEAK_RATE * FRAME_MS // 1000
SAMPLE_BYTES: Final = 2


def to_pcm(data: bytes) -> Pcm:
    """Views little-endian int16 bytes as samples without a copy."""
    return np.frombuffer(data, dtype="<i2")


def rms(pcm: Pcm) -> float:
    """Root mean square of int16 samples; 0.0 for none."""
    if pcm.size == 0:
        return 0.0
    samples = pcm.astype(np.float32)
    return float(np.sqrt(np.dot(samples, samples) / samples.size))


def fade_in(pcm: Pcm, fade_samples: int) -> Pcm:
    """A copy whose first `fade_samples` rise linearly from silence."""
    out = pcm.copy()
    flat = out.reshape(-1)
    n = min(fade_samples, flat.size)
    flat[:n] = (flat[:n] * np.linspace(0.0, 1.0, n, endpoint=False)).astype(np.int16)
    return out


def fade_out(pcm: Pcm, fade_samples: int) -> Pcm:
    """A copy whose last `fade_samples` fall linearly to silence."""
    out = pcm.copy()
    flat = out.reshape(-1)
    n = min(fade_samples, flat.size)
    if n:
        flat[-n:] = (flat[-n:] * np.linspace(1.0, 0.0, n)).astype(np.int16)
    return out


class Framer:
    """Cuts a byte stream of any piece sizes into frames of exactly `frame_bytes`."""

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._rest = bytearray()

    def push(self, data: bytes) -> list[bytes]:
        """The whole frames that are complete now, oldest first."""
        self._rest += data
        size = self._frame_bytes
        whole = len(self._rest) // size
        frames = [bytes(self._rest[i * size : (i + 1) * size]) for i in range(whole)]
        del self._rest[: whole * size]
        return frames

    def flush(self) -> bytes | None:
        """The incomplete last frame padded with silence, or None; the framer is empty after."""
        if not self._rest:
            return None
        frame = bytes(self._rest).ljust(self._frame_bytes, b"\0")
        self._rest.clear()
        return frame

    def clear(self) -> None:
        self._rest.clear()
