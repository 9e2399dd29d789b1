"""Speech as bytes of a file format, while it is being spoken.

libsndfile does the encoding. What it only knows at the end (how long the whole is) it wants to
write at the beginning, which has left by then. MP3 and Opus do without. A WAV header says the
largest length there is, as streams of WAV do. FLAC without a length is valid, but some readers
refuse it: it is kept back for up to a second, within which most texts are wholly spoken.
"""

import io
import struct
import time
from typing import Any, BinaryIO, Final, NamedTuple

from vdx.core.audio import SAMPLE_BYTES, SPEAK_RATE
from vdx.core.errors import InvalidInput
from vdx.core.events import Pcm
from vdx.core.resample import Resampler


class Form(NamedTuple):
    """An audio format: its media type, what libsndfile calls it, how long it is kept back."""

    media_type: str
    container: str = ""
    codec: str = ""
    hold_s: float = 0.0


FORMS: Final = {
    "mp3": Form("audio/mpeg", "MP3", "MPEG_LAYER_III"),
    "opus": Form("audio/ogg", "OGG", "OPUS"),
    "flac": Form("audio/flac", "FLAC", "PCM_16", hold_s=1.0),
    "wav": Form("audio/wav", "WAV", "PCM_16"),
    "pcm": Form("audio/pcm"),
    "ogg": Form("audio/ogg", "OGG", "VORBIS"),
}
"""`pcm` is int16, little-endian, mono, without a header; `ogg` is for files, it comes late."""
STREAMED: Final = tuple(name for name in FORMS if name != "ogg")

RATES: Final = (16_000, 24_000, 48_000)
UNKNOWN_LENGTH: Final = 0xFFFFFFFF
MP3_OPTIONS: Final = {"bitrate_mode": "CONSTANT", "compression_level": 0.6}
"""About 64 kbit/s; from a constant rate a player reckons the length that a stream cannot say."""
PAGE_MS: Final = 40.0
"""Sound an Ogg page holds at most; libsndfile would keep a whole second back."""
SET_OGG_PAGE_LATENCY_MS: Final = 0x1302  # sndfile.h; soundfile has no name for it


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
        self._pipe = _Pipe(leave_out_first=form == "mp3")
        self._free_at = time.monotonic() + FORMS[form].hold_s
        self._sound: Any = None
        container, codec = FORMS[form].container, FORMS[form].codec
        if container == "WAV" and file is None:
            self._pipe.write(wav_header(rate))
        elif container:
            self._sound = _open(file or self._pipe, rate, container, codec)

    def push(self, pcm: Pcm) -> bytes:
        """Takes int16 48 kHz mono samples; the bytes that are complete now."""
        self._write(self._resampler.push(pcm))
        return self._pipe.take() if time.monotonic() >= self._free_at else b""

    def finish(self) -> bytes:
        """The last bytes; the encoder is used up."""
        self._write(self._resampler.push(_none(), last=True))
        self.close()
        return self._pipe.take()

    def close(self) -> None:
        """Frees the codec, also of a stream that is given up; no thread may be using it."""
        if self._sound is not None:
            self._sound.close()

    def _write(self, pcm: Pcm) -> None:
        if self._sound is not None:
            self._sound.write(pcm)
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


def _open(target: Any, rate: int, container: str, codec: str) -> Any:
    import soundfile

    options = MP3_OPTIONS if container == "MP3" else {}
    sound = soundfile.SoundFile(target, "w", rate, 1, codec, format=container, **options)
    if container == "OGG":
        # Not offered by soundfile's own interface, so this reaches for the library behind it.
        latency = soundfile._ffi.new("double*", PAGE_MS)  # noqa: SLF001
        soundfile._snd.sf_command(sound._file, SET_OGG_PAGE_LATENCY_MS, latency, 8)  # noqa: SLF001
    return sound


class _Pipe(io.RawIOBase):
    """A file that leaves as it is written; what was sent cannot be written again."""

    def __init__(self, *, leave_out_first: bool) -> None:
        """The first thing written to an MP3 is a frame for the length, empty until the end; a
        player that finds it so takes the speech to be shorter than it is."""
        self._leave_out = leave_out_first
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
        if self._leave_out and raw:
            self._leave_out = False
            self._sent = self._at = len(raw)
            return len(raw)
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

    def readinto(self, _buffer: Any) -> int:
        return 0
