"""Files written one behind the other, of which FFmpeg reads only the first.

Of formats that are a row of packets (MP3, AAC, FLAC, Ogg, AMR, AU) it reads them all. Those that
say how long they are, or are a row of chunks, are walked through here to the file behind them; in
WebM, whose parts need not say it (a browser's recording), the head of the next one is looked for.
"""

import io
import re
from collections.abc import Callable
from typing import BinaryIO, Final

HEAD: Final = 12
"""Bytes that tell a format: of RIFF its name, the size behind the first eight bytes, and "WAVE"."""
W64: Final = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
EBML: Final = b"\x1a\x45\xdf\xa3"
EBML_HEAD: Final = 64
"""Bytes within which a head of WebM or Matroska says which it is."""
WEBM: Final = re.compile(
    EBML + b"[\\s\\S]{0,%d}?(?:\x42\x82\x84webm|\x42\x82\x88matroska)" % (EBML_HEAD - 15)
)
SEARCHED: Final = 2**20
"""Bytes that are read at once."""
MOST_CHUNKS: Final = 2**17
"""Of one file that are walked through; what lies behind more of them is not looked for."""
TO_THE_END: Final = 2**64 - 1
"""Size of the chunk of samples of a CAF that was not finished."""
LAST_PLACE: Final = 2**63 - 1
"""That can be asked for in any file; a damaged one has sizes beyond it."""


class Part:
    """Bytes of a file from `start` to `end` (None: its end), as a file for reading.

    It is not closed with it. Behind `end` another file begins.
    """

    def __init__(self, file: BinaryIO, start: int, end: int | None) -> None:
        self.file, self.start, self.end = file, start, end
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        if self.end is not None:
            left = max(0, self.end - self.file.tell())
            size = left if size < 0 else min(size, left)
        return self.file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset += self.start
        elif whence == io.SEEK_END and self.end is not None:
            offset, whence = offset + self.end, io.SEEK_SET
        return self.file.seek(offset, whence) - self.start

    def tell(self) -> int:
        return self.file.tell() - self.start


def part_at(file: BinaryIO, start: int = 0) -> Part:
    """The file that begins at `start`."""
    head = _head(file, start)
    try:
        end = next((walk(file, start) for tells, walk in _WALKS if tells(head)), 0)
        is_followed = end > start and _begins_file(_head(file, end))
    except OSError:
        # What lies before is heard first; reading on tells what is wrong.
        end, is_followed = 0, False
    return Part(file, start, end if is_followed else None)


def following(part: Part) -> Part | None:
    """The file behind one, if there is any and its place is known."""
    return None if part.end is None else part_at(part.file, part.end)


def is_empty(file: BinaryIO) -> bool:
    """Whether a file has no bytes."""
    return not _head(file, 0)


def _head(file: BinaryIO, at: int) -> bytes:
    """What stands there; empty behind the end."""
    if at > LAST_PLACE:
        return b""
    file.seek(at)
    return file.read(HEAD)


def _is_wav(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:] == b"WAVE"


def _is_aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:] in (b"AIFF", b"AIFC")


def _is_w64(head: bytes) -> bool:
    return head == W64[:HEAD]


def _is_caf(head: bytes) -> bool:
    return head[:6] == b"caff\x00\x01"


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_webm(head: bytes) -> bool:
    return head.startswith(EBML)


def _begins_file(head: bytes) -> bool:
    packets = head.startswith((b"fLaC", b"OggS", b"ID3", b"#!AMR"))
    frame = len(head) == HEAD and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # MP3 or AAC
    return packets or frame or any(tells(head) for tells, _ in _WALKS)


def _end_of_wav(file: BinaryIO, start: int) -> int:
    """One whose header was never finished says 0 bytes or any number: too few or many come out."""
    size = int.from_bytes(_head(file, start)[4:8], "little")
    return start + 8 + size + size % 2


def _end_of_aiff(file: BinaryIO, start: int) -> int:
    size = int.from_bytes(_head(file, start)[4:8], "big")
    return start + 8 + size + size % 2


def _end_of_w64(file: BinaryIO, start: int) -> int:
    file.seek(start + len(W64))
    size = int.from_bytes(file.read(8), "little")
    return start + size + -size % 8


def _end_of_caf(file: BinaryIO, start: int) -> int:
    """Where what follows a chunk is the head of another file."""
    at = start + 8
    for _ in range(MOST_CHUNKS):
        head = _head(file, at)
        size = int.from_bytes(head[4:], "big")
        if len(head) < HEAD or size == TO_THE_END:
            return 0
        if _begins_file(head):
            return at
        at += HEAD + size
    return 0


def _end_of_mp4(file: BinaryIO, start: int) -> int:
    """Where another file begins, once the table of samples has come ("moov")."""
    at, complete = start, False
    for _ in range(MOST_CHUNKS):
        head = _head(file, at)
        if len(head) < 8:
            return 0
        if complete and _begins_file(head):
            return at
        complete = complete or head[4:8] == b"moov"
        size = int.from_bytes(head[:4], "big")
        if size == 1:  # the real one follows
            size = int.from_bytes(head[8:] + file.read(4), "big")
        if size < 8:  # 0: to the end
            return 0
        at += size
    return 0


def _end_of_webm(file: BinaryIO, start: int) -> int:
    """Where the next head stands."""
    at = start + len(EBML)
    file.seek(at)
    read = file.read(SEARCHED)
    while len(read) > EBML_HEAD:
        if found := WEBM.search(read):
            return at + found.start()
        at += len(read) - EBML_HEAD
        read = read[-EBML_HEAD:] + file.read(SEARCHED)
        if len(read) == EBML_HEAD:
            return 0
    return 0


_WALKS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], int]], ...]] = (
    (_is_wav, _end_of_wav),
    (_is_aiff, _end_of_aiff),
    (_is_w64, _end_of_w64),
    (_is_caf, _end_of_caf),
    (_is_mp4, _end_of_mp4),
    (_is_webm, _end_of_webm),
)
"""By the first bytes of a file, where it ends; 0 where that is not known."""
