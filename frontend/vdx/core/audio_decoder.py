"""Audio files of every usual format, decoded piece by piece to mono of one sample rate."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from vdx.core.errors import InvalidInput
from vdx.core.ffmpeg import CODECS, FORMATS, library, open_recording
from vdx.core.logs import logger

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

Samples = npt.NDArray[np.float32]

TRUTHFUL: Final = ("flac", "ogg", "mov", "matroska")
"""Formats that say their length, or none; a WAV that was stored as a stream says any, and that of
an MP3 is an estimate."""
MAX_CHANNELS: Final = 16
MIN_RATE, MAX_RATE = 1_000, 384_000
PIECE_SAMPLES: Final = 500_000
"""Decoded at a time, over all channels: whoever closes a recording waits for no more than this."""
ENCRYPTED: Final = "encryption_info"

log = logger(__name__)


class AudioDecoder:
    """An audio file of any usual format (`FORMATS`), as float32 mono at `rate` Hz.

    Channels become their mean. `file` must be seekable and stays open; `name` is what errors call
    it. Packets that are damaged are left out and counted in `damaged`. Everything here blocks, and
    may be called from one thread at a time, `close` too.

    Raises:
        InvalidInput: it is not audio that can be read.
    """

    def __init__(self, file: BinaryIO, name: str, rate: int) -> None:
        self.name = name
        self.damaged = 0
        self._errors: type[Exception] = library().FFmpegError
        try:
            self._container = open_recording(file)
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None
        except self._errors:
            raise self._refused("it is no audio file, or a damaged one") from None
        try:
            self._stream = self._choose_stream()
        except InvalidInput:
            self._container.close()
            raise
        self._frames = self._decode()
        self._mono = _Mono(rate)
        self._heard = self._ended = False

    def close(self) -> None:
        """Frees the decoder; what is read afterwards is empty."""
        self._ended = True
        self._frames.close()
        self._container.close()

    @property
    def seconds(self) -> float:
        """How long the file says it is; 0.0 where it does not say."""
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6

    @property
    def truthful(self) -> bool:
        """Whether `seconds` can be believed."""
        return self._container.format.name.startswith(TRUTHFUL)

    def read(self) -> Samples:
        """The next second or less; empty at the end.

        Raises:
            InvalidInput: the file cannot be read on, or nothing in it can be decoded.
        """
        while not self._ended:
            frame = self._next()
            if frame is None:
                self._ended = True
                self._tell_damage()
            else:
                self._heard = True
            samples = self._converted(frame)
            if samples.size:
                return samples
        return np.zeros(0, np.float32)

    def _converted(self, frame: "AudioFrame | None") -> Samples:
        try:
            return self._mono.finish() if frame is None else self._mono.push(frame)
        except (ValueError, self._errors):
            raise self._refused("its channels are arranged in an unknown way") from None

    def _next(self) -> "AudioFrame | None":
        try:
            frame = next(self._frames, None)
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None
        if frame is not None:
            self._check(frame.sample_rate, frame.layout.nb_channels)
        return frame

    def _decode(self) -> "Generator[AudioFrame]":
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                if packet.has_sidedata(ENCRYPTED):
                    raise self._refused("it is encrypted")
                frames = packet.decode()
            except self._errors:
                # Where no packet can be found any more, `packets` ends with this.
                self.damaged += 1
            else:
                yield from frames

    def _choose_stream(self) -> "AudioStream":
        """The main audio stream; what else is in the file is not even read."""
        streams = self._container.streams
        chosen: Any = streams.best("audio")
        if chosen is None:
            raise self._refused("there is no audio in it")
        codec = chosen.codec_context
        if codec is None or codec.name not in CODECS:
            raise self._refused("its audio is in a codec that vdx does not know")
        for stream in streams:
            if stream is not chosen:
                stream.discard = library().stream.Discard.all
        self._check(chosen.rate, chosen.channels)
        return chosen

    def _check(self, rate: int, channels: int) -> None:
        if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
            raise InvalidInput(
                f"cannot read {self.name}: {channels} channels at {rate} Hz; vdx takes up to "
                f"{MAX_CHANNELS} at {MIN_RATE} to {MAX_RATE} Hz",
                param="file",
            )

    def _tell_damage(self) -> None:
        if self.damaged and not self._heard:
            raise self._refused("nothing in it can be decoded")
        if self.damaged:
            log.warning("parts of a recording could not be decoded", packets=self.damaged)

    def _refused(self, reason: str) -> InvalidInput:
        return refused(self.name, reason)


def open_file(path: Path) -> BinaryIO:
    """A file for `AudioDecoder`.

    Raises:
        InvalidInput: there is none, or it may not be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise refused(str(path), error.strerror or str(error)) from None


def refused(name: str, reason: str) -> InvalidInput:
    """The error for a file that is not read."""
    return InvalidInput(f"cannot read {name}: {reason}; vdx reads {FORMATS}", param="file")


class _Mono:
    """Decoded frames as float32 mono at `rate` Hz; their own rate and channels may change."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._source: tuple[str, str, int] | None = None
        self._channels = 1
        self._packer: Any = None
        self._resampler: Any = None

    def push(self, frame: "AudioFrame") -> Samples:
        """The samples that are complete now: a second, or nothing yet."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source == self._source:
            return self._joined(self._packer.resample(frame))
        before = self.finish()
        self._begin(frame)
        self._source = source
        return np.concatenate([before, self._joined(self._packer.resample(frame))])

    def finish(self) -> Samples:
        """What is still held back."""
        if self._packer is None:
            return np.zeros(0, np.float32)
        packer, self._packer, self._source = self._packer, None, None
        return self._joined(packer.resample(None), last=True)

    def _begin(self, frame: "AudioFrame") -> None:
        import soxr

        rate, self._channels = frame.sample_rate, frame.layout.nb_channels
        size = min(rate, PIECE_SAMPLES // self._channels)
        # Packed, for of a planar frame with 8 channels or more PyAV reads beyond the planes, and
        # the process ends; joined, for the steps below cost as much for a frame as for a second.
        self._packer = library().AudioResampler("flt", frame.layout, rate, size)
        self._resampler = None
        if rate != self._rate:
            self._resampler = soxr.ResampleStream(rate, self._rate, 1, quality="HQ")

    def _joined(self, packed: "list[AudioFrame]", *, last: bool = False) -> Samples:
        """Mixed down and resampled."""
        pieces = [self._mixed(frame.to_ndarray().reshape(-1)) for frame in packed]
        mono = np.concatenate([np.zeros(0, np.float32), *pieces])
        if self._resampler is None or not (mono.size or last):
            return mono
        return np.asarray(self._resampler.resample_chunk(mono, last=last), np.float32)

    def _mixed(self, packed: Samples) -> Samples:
        count = self._channels
        # Not `mean`, which takes ten times as long along so short an axis.
        mono = sum((packed[first::count] for first in range(1, count)), packed[::count]) / count
        return np.nan_to_num(mono, posinf=1.0, neginf=-1.0)
