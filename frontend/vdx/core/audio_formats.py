"""The audio of the protocol: PCM, and the 8 kHz of telephones, G.711 in its µ-law and A-law form.

Python's own `audioop` ends with 3.12, and no library of the environment has G.711 without a file
around it: the two tables are made here, as ITU-T G.711 defines them.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from vdx.core.audio import SAMPLE_BYTES, to_pcm
from vdx.core.events import Pcm

FormatName = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
TELEPHONE_RATE: Final = 8_000
_U_BIAS: Final = 0x84


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How the samples of one direction look to the client; `rate` in Hz, mono."""

    type: FormatName = "audio/pcm"
    rate: int = 24_000

    @property
    def sample_bytes(self) -> int:
        return SAMPLE_BYTES if self.type == "audio/pcm" else 1

    @property
    def rendered(self) -> dict[str, Any]:
        """The protocol's object: G.711 has one rate, which is not named."""
        if self.type == "audio/pcm":
            return {"type": self.type, "rate": self.rate}
        return {"type": self.type}

    def decode(self, raw: bytes) -> Pcm:
        """int16 samples at `rate`; `raw` holds whole samples."""
        if self.type == "audio/pcm":
            return to_pcm(raw)
        decoded: Pcm = _decoded(self.type)[np.frombuffer(raw, np.uint8)]
        return decoded

    def encode(self, pcm: Pcm) -> bytes:
        """The bytes of int16 samples at `rate`."""
        if self.type == "audio/pcm":
            return pcm.tobytes()
        coded: NDArray[np.uint8] = _encoded(self.type)[pcm.view(np.uint16)]
        return coded.tobytes()


PCM: Final = WireFormat()
"""The protocol's usual one."""


@cache
def _decoded(name: FormatName) -> Pcm:
    """The sample of each of the 256 codes."""
    codes = np.arange(256, dtype=np.int32)
    if name == "audio/pcmu":
        codes = ~codes & 0xFF
        size = (((codes & 0x0F) << 3) + _U_BIAS << ((codes & 0x70) >> 4)) - _U_BIAS
        mu_law: Pcm = np.where(codes & 0x80, -size, size).astype(np.int16)
        return mu_law
    codes ^= 0x55
    segment = (codes & 0x70) >> 4
    size = ((codes & 0x0F) << 4) + np.where(segment, 0x108, 8) << np.maximum(segment - 1, 0)
    samples: Pcm = np.where(codes & 0x80, size, -size).astype(np.int16)
    return samples


@cache
def _encoded(name: FormatName) -> NDArray[np.uint8]:
    """The code of the nearest sample, for each int16 taken as uint16; 0 is the upper zero."""
    samples = _decoded(name).astype(np.int32)
    order = np.argsort(samples, kind="stable")
    limits = (samples[order][1:] + samples[order][:-1]) / 2
    every = np.arange(65536, dtype=np.uint16).view(np.int16)
    return order[np.searchsorted(limits, every, "right")].astype(np.uint8)
