"""Recordings, decoded as they are read.

A second at a time, so that a compressed file of many hours needs no more memory than a short one.
"""

import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from vdx.core.audio import LISTEN_RATE
from vdx.core.audio_decoder import AudioDecoder, open_file
from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.frame_converter import Samples


class Recording:
    """Any file `AudioDecoder` reads, of any rate, as float32 [samples, channels] at 16 kHz.

    `name` is what errors call it, `channels` how many it has where it begins (files behind it may
    have others), `heard` counts 16 kHz samples read so far. Reading blocks: on
    an event loop, use `stretches`. Closing waits until a thread that reads has done so: FFmpeg ends
    the process when a file is closed under it. `limit_s` is how long, in seconds, it may last, 0 as
    long as it likes; it is checked against what the file says and what is read.

    Raises:
        InvalidInput: there is no such file, or it is not audio that can be read.
        TooLarge: it lasts longer than `limit_s`.
    """

    def __init__(self, source: Path | BinaryIO, name: str = "", limit_s: float = 0.0) -> None:
        self.name = name or str(source)
        self._limit_s = limit_s
        self._in_use = threading.Lock()
        self._closed = False
        self._file: BinaryIO = open_file(source) if isinstance(source, Path) else source
        try:
            self._decoder = AudioDecoder(self._file, self.name, LISTEN_RATE, mono=False)
        except InvalidInput:
            self._file.close()
            raise
        self.channels = self._decoder.channels
        self.heard = 0
        try:
            if self._decoder.truthful:
                self._check_length(self.seconds)
        except TooLarge:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; waits for the piece that is being read, some milliseconds."""
        with self._in_use:
            self._closed = True
            self._decoder.close()
            self._file.close()

    @property
    def seconds(self) -> float:
        """How long it says it is; 0.0 where it does not say."""
        return self._decoder.seconds

    def read(self) -> Samples:
        """The next second or less, of a full scale of 1; empty at the end.

        Raises:
            InvalidInput: the recording is broken, or was closed.
            TooLarge: it lasts longer than it may.
        """
        with self._in_use:
            if self._closed:
                raise InvalidInput(f"{self.name} was closed while it was read", param="file")
            samples = self._decoder.read()
        self.heard += len(samples)
        self._check_length(self.heard / LISTEN_RATE)
        return samples.clip(-1.0, 1.0)

    def _check_length(self, seconds: float) -> None:
        if 0 < self._limit_s < seconds:
            raise TooLarge(
                f"{self.name} lasts longer than the {self._limit_s:g} s that are taken",
                param="file",
            )
