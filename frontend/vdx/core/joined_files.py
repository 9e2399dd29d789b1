"""WAV files written one behind the other, of which FFmpeg reads only the first.

Of other formats that people join (MP3, Ogg, AAC, FLAC) it reads them all.
"""

import io
from typing import BinaryIO, Final

HEADER: Final = 12
"""Bytes: "RIFF", the size of what follows the first eight bytes, and "WAVE"."""


class Part:
    """The rest of a file from `start` on, as a file for reading; it is not closed with it."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self.start = start
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        from_start = self.start if whence == io.SEEK_SET else 0
        return self._file.seek(offset + from_start, whence) - self.start

    def tell(self) -> int:
        return self._file.tell() - self.start


def following_wav(file: BinaryIO, start: int) -> Part | None:
    """The WAV behind the one that begins at `start`, if there is one and its place is known."""
    size = _wav_size(file, start)
    end = start + size
    if not size or not _wav_size(file, end):
        return None
    return Part(file, end)


def is_empty(file: BinaryIO) -> bool:
    """Whether a file has no bytes."""
    file.seek(0)
    return not file.read(1)


def _wav_size(file: BinaryIO, start: int) -> int:
    """Bytes of the WAV at `start` with its header; 0 where there is none.

    One whose header was never finished says 0 bytes or any number; then 8 or too many come out.
    """
    file.seek(start)
    head = file.read(HEADER)
    if len(head) < HEADER or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0
    size = int.from_bytes(head[4:8], "little")
    return 8 + size + size % 2
