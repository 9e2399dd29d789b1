"""Audio files as strangers send them, made with FFmpeg's writers, and what vdx hears in files."""

import io
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import numpy as np

from vdx.core.audio_decoder import AudioDecoder

CODECS: Mapping[str, str] = {
    "ipod": "aac",
    "mp4": "aac",
    "webm": "libopus",
    "adts": "aac",
    "mpeg": "mp2",
    "mp3": "libmp3lame",
    "ogg": "libopus",
    "flac": "flac",
    "matroska": "flac",
}
ENCRYPTION = {
    "encryption_scheme": "cenc-aes-ctr",
    "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
    "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
}


def tone(rate: int, seconds: float = 2.0, hz: float = 440.0) -> np.ndarray:
    """int16, a quarter of full scale."""
    return (8_000 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(
        np.int16
    )


def written(
    muxer: str,
    pcm: np.ndarray,
    rate: int,
    *,
    codec: str = "",
    video: bool = False,
    sound: bool = True,
    options: Mapping[str, str] | None = None,
) -> bytes:
    """A file of FFmpeg's `muxer` with int16 mono at `rate` Hz; `video` adds pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer, container_options=dict(options or {})) as out:
        pictures: Any = out.add_stream("mpeg4", rate=10, width=64, height=64) if video else None
        stream: Any = None
        if sound:
            stream = out.add_stream(codec or CODECS[muxer], rate=rate, layout="mono")
        out.start_encoding()
        if pictures is not None:
            for number in range(10):
                picture = av.VideoFrame(64, 64, "yuv420p")
                picture.pts, picture.time_base = number, Fraction(1, 10)
                out.mux(pictures.encode(picture))
            out.mux(pictures.encode(None))
        if stream is not None:
            frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", "mono")
            frame.sample_rate, frame.pts = rate, 0
            out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return file.getvalue()


def heard(raw: bytes, rate: int) -> np.ndarray:
    """All of a file as vdx decodes it: float32 mono at `rate` Hz, nothing of it damaged."""
    decoder = AudioDecoder(io.BytesIO(raw), "it", rate)
    pieces = [np.zeros(0, np.float32)]
    while (piece := decoder.read()).size:
        pieces.append(piece)
    decoder.close()
    assert not decoder.damaged
    return np.concatenate(pieces)


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, *content: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *content)


def mp4_that_claims(packets: int) -> bytes:
    """An MP4 of one and a half kilobytes that says it has so many packets of one byte."""
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    movie = _full(
        b"mvhd", struct.pack(">IIIIIH", 0, 0, 1000, 1000, 0x10000, 0x100), bytes(10), matrix,
        bytes(24), struct.pack(">I", 2),
    )  # fmt: skip
    track = _full(
        b"tkhd", struct.pack(">IIIII", 0, 0, 1, 0, 1000), bytes(16), matrix, bytes(8), flags=7
    )
    media = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 16_000, 16_000, 0x55C4, 0))
    handler = _full(b"hdlr", struct.pack(">I4s", 0, b"soun"), bytes(12), b"a\0")
    entry = _box(
        b"mp4a", bytes(6), struct.pack(">H", 1), bytes(8),
        struct.pack(">HHHHI", 2, 16, 0, 0, 16_000 << 16),
    )  # fmt: skip
    table = _box(
        b"stbl",
        _full(b"stsd", struct.pack(">I", 1), entry),
        _full(b"stts", struct.pack(">III", 1, packets, 1024)),
        _full(b"stsc", struct.pack(">IIII", 1, 1, packets, 1)),
        _full(b"stsz", struct.pack(">II", 1, packets)),
        _full(b"stco", struct.pack(">II", 1, 48)),
    )
    data = _box(b"dinf", _full(b"dref", struct.pack(">I", 1), _full(b"url ", flags=1)))
    information = _box(b"minf", _full(b"smhd", bytes(4)), data, table)
    trak = _box(b"trak", track, _box(b"mdia", media, handler, information))
    brand = _box(b"ftyp", b"M4A ", bytes(4), b"M4A mp42isom")
    return brand + _box(b"moov", movie, trak) + _box(b"mdat", bytes(1000))
