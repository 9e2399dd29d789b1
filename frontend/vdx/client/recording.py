"""Reads recordings, and makes the room noise that is sent between them."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from vdx.core.audio import FRAME_MS
from vdx.core.audio_decoder import AudioDecoder, open_file
from vdx.core.channels import ChannelChoice
from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.events import Pcm

NOISE_RMS: Final = 25
"""Room noise between recordings, int16 RMS."""
NOISE_SECONDS: Final = 4


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording at the wire's rate: `pcm` is int16 mono at `rate` Hz.

    `onset` is its first loud sample, `end` comes after its last one.
    """

    name: str
    pcm: Pcm
    rate: int
    onset: int
    end: int

    @property
    def seconds(self) -> float:
        return self.pcm.size / self.rate

    def cut_at_end(self) -> "Clip":
        """The clip up to its last loud sample; room noise is sent after it."""
        return Clip(self.name, self.pcm[: self.end], self.rate, self.onset, self.end)


def read_clip(path: Path, rate: int) -> Clip:
    """An audio file of any format, rate and channel count as int16 mono at `rate` Hz.

    Of channels with the same sound, one is taken; those that differ are added up.

    Raises:
        UnknownName: there is no such file.
        InvalidInput: it is no audio file, or holds no sound.
    """
    if not path.exists():
        raise UnknownName(f"there is no recording {path}", param="wav")
    with (
        open_file(path) as file,
        closing(AudioDecoder(file, str(path), rate, mono=False)) as decoder,
    ):
        pieces = []
        while (piece := decoder.read()).size:
            pieces.append(piece)
    if not pieces:
        raise InvalidInput(f"{path} holds no sound", param="wav")
    width = max(piece.shape[1] for piece in pieces)
    padded = [np.pad(piece, ((0, 0), (0, width - piece.shape[1]))) for piece in pieces]
    sides = np.concatenate(padded)
    mono = sides[:, list(ChannelChoice().of(sides))].sum(axis=1)
    pcm = np.clip(mono * 32768, -32768, 32767).astype(np.int16)
    onset, end = loud_span(pcm, rate)
    return Clip(path.stem, pcm, rate, onset, end)


def loud_span(pcm: Pcm, rate: int) -> tuple[int, int]:
    """First and past the last loud sample of int16 `pcm` at `rate` Hz; (0, size) if none is.

    Loud: the RMS of 50 ms, taken every 10 ms, above 12 % of the recording's 95th percentile
    and at least 150.
    """
    hop, width = rate // 100, rate // 20
    if pcm.size < width:
        return 0, pcm.size
    power = np.concatenate(([0.0], np.cumsum(pcm.astype(np.float64) ** 2)))
    starts = np.arange(0, pcm.size - width + 1, hop)
    levels = np.sqrt((power[starts + width] - power[starts]) / width)
    limit = max(150.0, 0.12 * float(np.percentile(levels, 95)))
    loud = np.flatnonzero(levels > limit)
    if not loud.size:
        return 0, pcm.size
    return int(starts[loud[0]]), int(starts[loud[-1]] + width)


def frames_of(pcm: Pcm, rate: int) -> list[bytes]:
    """20 ms frames (int16 little endian), the last one padded with silence."""
    size = rate * FRAME_MS // 1000
    padded = np.zeros(-(-pcm.size // size) * size, "<i2")
    padded[: pcm.size] = pcm
    return [row.tobytes() for row in padded.reshape(-1, size)]


def room_noise(rate: int, seed: int = 7) -> list[bytes]:
    """20 ms frames of light noise, to be repeated; a seed always gives the same ones."""
    noise = np.random.default_rng(seed).normal(0.0, NOISE_RMS, rate * NOISE_SECONDS)
    return frames_of(noise.astype(np.int16), rate)
