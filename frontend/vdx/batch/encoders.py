"""Speech as bytes of a file format, while it is being spoken.

FFmpeg does the encoding. What is only known at the end (how long the whole is) a file says at its
beginning, which has left by then. MP3, AAC and Opus do without. A WAV header says the largest
length there is, as streams of WAV do. FLAC without a length is valid, but some readers refuse it:
it is kept back for up to a second, within which most texts are wholly spoken.
"""

import io
import struct
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from vdx.core.audio import SAMPLE_BYTES, SPEAK_RATE
from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm
from vdx.core.ffmpeg import library
from vdx.core.resample import Resampler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container.output import OutputContainer

NO_OPTIONS: "Final[Mapping[str, str]]" = MappingProxyType({})


class Form(NamedTuple):
    """An audio format: its media type, FFmpeg's names and options for it, bit/s of its codec (0 for
    what loses nothing), and how long it is kept back."""

    media_type: str
    muxer: str = ""
    codec: str = ""
    bit_rate: int = 0
    muxer_options: "Mapping[str, str]" = NO_OPTIONS
    codec_options: "Mapping[str, str]" = NO_OPTIONS
    hold_s: float = 0.0


OPUS: Final = Form("audio/ogg", "ogg", "libopus", 48_000, muxer_options={"page_duration": "40000"})
"""A page of Ogg holds 40 ms of sound at most, or a whole second would be kept back."""
FORMS: Final = {
    # Without the frame that says the length, empty until the end: a player that finds it so takes
    # the speech to be shorter than it is. From a constant rate it reckons the length. Without a
    # reservoir of bits, for which LAME keeps frames back.
    "mp3": Form(
        "audio/mpeg",
        "mp3",
        "libmp3lame",
        64_000,
        muxer_options={"write_xing": "0", "id3v2_version": "0"},
        codec_options={"reservoir": "0"},
    ),
    "opus": OPUS,
    "aac": Form("audio/aac", "adts", "aac", 64_000),
    "flac": Form("audio/flac", "flac", "flac", hold_s=1.0),
    "wav": Form("audio/wav", "wav", "pcm_s16le"),
    "pcm": Form("audio/pcm"),
    "ogg": OPUS,
}
"""`pcm` is int16, little-endian, mono, without a header; `ogg` is an ending of Opus files."""
STREAMED: Final = tuple(name for name in FORMS if name != "ogg")

RATES: Final = (16_000, 24_000, 48_000)
UNKNOWN_LENGTH: Final = 0xFFFFFFFF


class Encoder:
    """One stream of speech: `push` pieces as they come, then `finish` once.

    Both take the time the codec needs; on an event loop, call them with `in_thread`. `close` gives
    up what is not finished.

    Raises:
        InvalidInput: vdx cannot make this format.
    """

    def __init__(self, form: str, rate: int, file: BinaryIO | None = None) -> None:
        """Output is returned, or written to `file`, which must be seekable. `rate` in Hz."""
        if form not in FORMS:
            raise InvalidInput(
                f"vdx cannot make {form!r}; it makes {', '.join(FORMS)}", param="response_format"
            )
        self._resampler = Resampler(SPEAK_RATE, rate)
        self._file = file
        self._pipe = _Pipe()
        self._free_at = time.monotonic() + FORMS[form].hold_s
        self._codec: _Codec | None = None
        if form == "wav" and file is None:
            # By hand, for it costs less than a thread costs to ask, which FFmpeg's writer does not.
            self._pipe.write(wav_header(rate))
        elif FORMS[form].codec:
            self._codec = _Codec(FORMS[form], rate, file or self._pipe)

    def push(self, pcm: Pcm) -> bytes:
        """Takes int16 48 kHz mono samples; the bytes that are complete now."""
        self._write(self._resampler.push(pcm))
        return self._pipe.take() if time.monotonic() >= self._free_at else b""

    def finish(self) -> bytes:
        """The last bytes; the encoder is used up."""
        self._write(self._resampler.push(_none(), last=True))
        if self._codec is not None:
            self._codec.finish()
        self.close()
        return self._pipe.take()

    def close(self) -> None:
        """Frees the codec, also of a stream that is given up; no thread may be using it."""
        if self._codec is not None:
            self._codec.close()

    def _write(self, pcm: Pcm) -> None:
        if self._codec is not None:
            self._codec.write(pcm)
        else:
            (self._file or self._pipe).write(pcm.astype("<i2", copy=False).tobytes())


def _none() -> Pcm:
    """No samples."""
    import numpy as np

    return np.zeros(0, np.int16)


def wav_header(rate: int) -> bytes:
    """RIFF header of int16 mono at `rate` Hz whose length is not known yet."""
    size = UNKNOWN_LENGTH
    riff = struct.pack("<4sI4s", b"RIFF", size, b"WAVE")
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return riff + form + struct.pack("<4sI", b"data", size)


class _Codec:
    """An FFmpeg encoder and the writer of its file format; int16 mono at `rate` Hz goes in."""

    def __init__(self, form: Form, rate: int, file: Any) -> None:
        av = library()
        self._frame_of = av.AudioFrame.from_ndarray
        self._rate = rate
        self._written = 0
        self._container: OutputContainer = av.open(
            file, "w", format=form.muxer, container_options=dict(form.muxer_options)
        )
        flags = av.container.Flags
        # Every packet leaves at once; and the file does not say which FFmpeg wrote it.
        self._container.flags |= flags.flush_packets.value | flags.bitexact.value
        self._stream: Any = self._container.add_stream(
            form.codec, rate, dict(form.codec_options), layout="mono"
        )
        self._stream.codec_context.flags |= av.codec.context.Flags.bitexact.value
        if form.bit_rate:
            self._stream.bit_rate = form.bit_rate
        self._container.start_encoding()

    def write(self, pcm: Pcm) -> None:
        """Encodes what fills whole frames of the codec."""
        # A second at a time: FFmpeg may not allocate what all of a long text takes.
        for at in range(0, pcm.size, self._rate):
            piece = pcm[at : at + self._rate]
            frame = self._frame_of(piece.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = self._rate, self._written
            self._written += piece.size
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Encodes the last samples."""
        self._container.mux(self._stream.encode(None))

    def close(self) -> None:
        """Ends the file."""
        self._container.close()


class _Pipe(io.RawIOBase):
    """A file that leaves as it is written; what was sent cannot be written again."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._at = 0
        self._sent = 0

    def take(self) -> bytes:
        """What may leave now."""
        out = bytes(self._waiting)
        self._sent += len(out)
        self._waiting.clear()
        return out

    def write(self, data: Any) -> int:
        raw = bytes(data)
        fresh = raw[max(0, self._sent - self._at) :]
        place = max(0, self._at - self._sent)
        if fresh:
            self._waiting[place : place + len(fresh)] = fresh
        self._at += len(raw)
        return len(raw)

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self._sent + len(self._waiting))[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True
