"""Audio files of every usual format, decoded piece by piece to one sample rate."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from vdx.core.errors import InvalidInput
from vdx.core.ffmpeg import CODECS, FORMATS, library, open_recording
from vdx.core.frame_converter import FrameConverter, Samples
from vdx.core.joined_files import Part, following, is_empty, part_at
from vdx.core.logs import logger

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

TRUTHFUL: Final = ("flac", "ogg", "mov", "matroska")
"""Formats that say their length, or none; a WAV that was stored as a stream says any, and that of
an MP3 is an estimate."""
MAX_CHANNELS: Final = 16
MOST_PARTS: Final = 1_000
"""Files one behind the other, each of which is opened."""
MIN_RATE, MAX_RATE = 1_000, 384_000
ENCRYPTED: Final = "encryption_info"

log = logger(__name__)


class AudioDecoder:
    """An audio file of any usual format (`FORMATS`), as float32 at `rate` Hz.

    `mono`: channels become their mean, [samples]; else they are kept, [samples, channels]. `file`
    must be seekable and stays open; `name` is what errors call it. Packets that are damaged are
    left out and counted in `damaged`. Everything here blocks, and may be called from one thread at
    a time, `close` too.

    Raises:
        InvalidInput: it is not audio that can be read.
    """

    def __init__(self, file: BinaryIO, name: str, rate: int, *, mono: bool = True) -> None:
        self.name = name
        self.damaged = 0
        self._errors: type[Exception] = library().FFmpegError
        try:
            self._part = part_at(file)
            self._container = open_recording(self._part)
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from None
        except self._errors:
            empty = is_empty(file)
            reason = "it is empty" if empty else "it is no audio file, or a damaged one"
            raise self._refused(reason) from None
        try:
            self._stream = self._choose_stream()
        except InvalidInput:
            self._container.close()
            raise
        self._frames = self._decode()
        self._converter = FrameConverter(rate, mono=mono)
        self._heard = self._ended = False

    def close(self) -> None:
        """Frees the decoder; what is read afterwards is empty."""
        self._ended = True
        self._frames.close()
        self._container.close()

    @property
    def channels(self) -> int:
        """How many the file says it has."""
        return int(self._stream.codec_context.layout.nb_channels)

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
            return self._converter.finish() if frame is None else self._converter.push(frame)
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
        part: Part | None = self._part
        for _ in range(MOST_PARTS):
            yield from self._decode_one()
            part = following(part) if part else None
            if part is None:
                return
            self._container.close()
            try:
                self._container = open_recording(part)
                self._stream = self._choose_stream()
            except (OSError, self._errors, InvalidInput):
                self.damaged += 1
                return
        raise self._refused(f"it is more than {MOST_PARTS:,} files, one behind the other")

    def _decode_one(self) -> "Generator[AudioFrame]":
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
        found: AudioStream = chosen
        return found

    def _check(self, rate: int, channels: int) -> None:
        if not (MIN_RATE <= rate <= MAX_RATE and 1 <= channels <= MAX_CHANNELS):
            raise InvalidInput(
                f"cannot read {self.name}: {channels} channels at {rate} Hz; vdx takes up to "
                f"{MAX_CHANNELS} at {MIN_RATE} to {MAX_RATE} Hz",
                param="file",
            )

    def _tell_damage(self) -> None:
        if not self._heard and (self.damaged or self.seconds):
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
