"""What recordings go through before people send them: `data/treatments.yaml`, one a line."""

import io
import wave
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from vdx.bench.target import DATA
from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.events import Pcm
from vdx.core.ffmpeg import library
from vdx.core.validation import validated

HUM_HZ = 50
SILENT_SHARE = 0.03
"""Of the loudest level: 30 dB below it is what remains of a room."""
QUIET_SIDE_DB = -20.0
QUIET_SIDE, SIDES = 3, 6


class Coding(NamedTuple):
    """FFmpeg's muxer and encoder, rate in Hz, bit/s, and options of both."""

    muxer: str
    codec: str
    rate: int = LISTEN_RATE
    bit_rate: int = 0
    muxer_options: tuple[tuple[str, str], ...] = ()
    codec_options: tuple[tuple[str, str], ...] = ()


CODINGS = {
    "mp3": Coding(
        "mp3",
        "libmp3lame",
        muxer_options=(("write_xing", "0"), ("id3v2_version", "0")),
        codec_options=(("flags", "+qscale"), ("global_quality", "708")),  # -q:a 6
    ),
    "opus": Coding("ogg", "libopus", bit_rate=16_000),
    "ulaw": Coding("wav", "pcm_mulaw", rate=8_000),
}


class Treatment(BaseModel):
    """One line of the file; what each key means stands at its top."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    tight: bool = False
    peak_dbfs: float | None = Field(None, le=0)
    hum: float = Field(0.0, ge=0, le=1)
    dc: float = Field(0.0, ge=-1, le=1)
    channels: Literal["mono", "inverted", "one of six"] = "mono"
    form: Literal["wav", "mp3", "opus", "ulaw"] = "wav"
    unfinished: bool = False
    joined: int = Field(1, ge=1, le=10)

    def apply(self, pcm: Pcm) -> bytes:
        """The file that int16 mono at 16 kHz becomes."""
        return self._file(self._sides(self._sound(pcm))) * self.joined

    def _sound(self, pcm: Pcm) -> "np.ndarray[Any, np.dtype[np.float64]]":
        if self.tight:
            pcm = _without_silence(pcm)
        wave_form = pcm.astype(np.float64) / 32768
        if self.peak_dbfs is not None:
            wave_form *= 10 ** (self.peak_dbfs / 20) / np.abs(wave_form).max()
        seconds = np.arange(pcm.size) / LISTEN_RATE
        return wave_form + self.hum * np.sin(2 * np.pi * HUM_HZ * seconds) + self.dc

    def _sides(self, mono: "np.ndarray[Any, np.dtype[np.float64]]") -> Pcm:
        """int16 [samples, channels]."""
        if self.channels == "inverted":
            sides = np.stack([mono, -mono], axis=1)
        elif self.channels == "one of six":
            sides = np.zeros((mono.size, SIDES))
            sides[:, QUIET_SIDE] = mono * 10 ** (QUIET_SIDE_DB / 20)
        else:
            sides = mono[:, None]
        return (sides * 32767).round().clip(-32768, 32767).astype(np.int16)

    def _file(self, sides: Pcm) -> bytes:
        if self.form != "wav":
            return coded(CODINGS[self.form], sides)
        raw = bytearray(wav(sides))
        if self.unfinished:
            for at in (4, 40):  # the sizes of the whole and of the samples
                raw[at : at + 4] = bytes(4)
        return bytes(raw)


def _without_silence(pcm: Pcm) -> Pcm:
    """From the first to the last 10 ms that are not silence."""
    size = LISTEN_RATE // 100
    frames = np.square(pcm[: pcm.size // size * size].reshape(-1, size).astype(np.float64))
    levels = np.sqrt(frames.mean(axis=1))
    heard = np.flatnonzero(levels > SILENT_SHARE * levels.max())
    return pcm[heard[0] * size : (heard[-1] + 1) * size]


def treatments() -> list[Treatment]:
    """Every line of the file.

    Raises InvalidInput, which names line and key.
    """
    import yaml

    lines = yaml.safe_load((DATA / "treatments.yaml").read_text(encoding="utf-8"))
    return [
        validated(Treatment, line, f"treatments.yaml[{number}]")
        for number, line in enumerate(lines)
    ]


def wav(sides: Pcm) -> bytes:
    """A WAV of int16 [samples, channels] at 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((sides.shape[1], SAMPLE_BYTES, LISTEN_RATE, len(sides), "NONE", ""))
        out.writeframes(sides.astype("<i2").tobytes())
    return file.getvalue()


def coded(coding: Coding, sides: Pcm) -> bytes:
    """int16 [samples, 1] at 16 kHz in another coding."""
    import soxr

    mono = np.asarray(soxr.resample(sides[:, 0], LISTEN_RATE, coding.rate, quality="HQ"))
    av, file = library(), io.BytesIO()
    with av.open(
        file, "w", format=coding.muxer, container_options=dict(coding.muxer_options)
    ) as out:
        stream = out.add_stream(
            coding.codec, coding.rate, dict(coding.codec_options), layout="mono"
        )
        if coding.bit_rate:
            stream.bit_rate = coding.bit_rate
        frame = av.AudioFrame.from_ndarray(mono.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = coding.rate, 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()
