"""Files written one behind the other, of which FFmpeg reads only the first.

Files of one format that is a row of packets (MP3, AAC, FLAC, Ogg, AMR, MPEG) it reads all; behind
them the head of a file of another format is looked for. Those that say how long they are, or are a
row of chunks, are walked through to the file behind them; in WebM, whose parts need not say it (a
browser's recording), the next head is looked for.
"""

import io
from collections.abc import Callable
from typing import BinaryIO, Final

from vdx.core.audio_heads import HEAD, KINDS, PACKETS, SEARCHED, begins_file, kind_of, next_head
from vdx.core.flac_head import repaired_head

CHUNK: Final = 12
"""Bytes of the head of a RIFF, and of a chunk of a CAF."""
MOST_CHUNKS: Final = 2**17
"""Of one file that are walked through; what lies behind more of them is not looked for."""
W64_NAME: Final = 16
"""Bytes of the name of a chunk."""
TAG_HEAD: Final = 10
MOST_TAGS: Final = 16
TO_THE_END: Final = 2**64 - 1
"""Size of the chunk of samples of a CAF that was not finished."""
UNKNOWN_SIZE: Final = b"\xff\xff\xff\xff"
"""What a WAV or AU says that was written as a stream."""
SEGMENT: Final = b"\x18\x53\x80\x67"
"""All of a WebM but its first head."""
CLUSTER: Final = b"\x1f\x43\xb6\x75"
"""Before it, the head of a WebM holds those of its codecs."""
LEAST_SAMPLES: Final = 4_000
"""Bytes behind the samples of a WAV that may be samples as well, and no mere rest."""
LAST_PLACE: Final = 2**63 - 1
"""That can be asked for in any file; a damaged one has sizes beyond it."""


class Part:
    """Bytes of a file from `start` to `end` (None: its end), as a file for reading.

    It is not closed with it. Behind `end` another file begins. `patch`: the bytes that are read at
    a place of the file instead of those that stand there.
    """

    def __init__(
        self, file: BinaryIO, start: int, end: int | None, patch: tuple[int, bytes] | None = None
    ) -> None:
        self.file, self.start, self.end = file, start, end
        self._patch = patch
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        if self.end is not None:
            left = max(0, self.end - self.file.tell())
            size = left if size < 0 else min(size, left)
        at = self.file.tell()
        read = self.file.read(size)
        if self._patch is None:
            return read
        place, patch = self._patch
        patched = bytearray(read)
        for index, byte in enumerate(patch, place - at):
            if 0 <= index < len(read):
                patched[index] = byte
        return bytes(patched)

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
    patch = None
    try:
        end = next((walk(file, start) for tells, walk in _WALKS if tells(head)), 0)
        is_followed = end > start and begins_file(_head(file, end))
        if _is_wav(head) and not is_followed and (place := _too_small(file, start)):
            patch = place, UNKNOWN_SIZE
        elif head.startswith(b"fLaC") and (patch := repaired_head(file, start)):
            start = patch[0]
    except OSError:
        # What lies before is heard first; reading on tells what is wrong.
        end, is_followed = 0, False
    return Part(file, start, end if is_followed else None, patch)


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
    return head[:4] == b"RIFF" and head[8:12] == b"WAVE"


def _is_aiff(head: bytes) -> bool:
    return head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC")


def _is_w64(head: bytes) -> bool:
    return kind_of(head) == "w64"


def _is_caf(head: bytes) -> bool:
    return head[:6] == b"caff\x00\x01"


def _is_mp4(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_webm(head: bytes) -> bool:
    return head.startswith(b"\x1a\x45\xdf\xa3")


def _is_au(head: bytes) -> bool:
    return head[:4] == b".snd"


def _is_of_packets(head: bytes) -> bool:
    return kind_of(head) in ("id3", "mp3", "aac", "flac", "ogg", "amr", "mpeg")


def _too_small(file: BinaryIO, start: int) -> int:
    """Where a WAV says how many bytes of samples it has, if more follow; else 0.

    A recorder that was cut off has said it for the last time some seconds before.
    """
    file.seek(0, io.SEEK_END)
    whole, at = file.tell(), start + CHUNK
    for _ in range(MOST_CHUNKS):
        head = _head(file, at)
        size = int.from_bytes(head[4:8], "little")
        end = at + 8 + size
        if len(head) < 8 or end > whole:
            return 0
        if head[:4] == b"data":
            file.seek(end)
            rest = file.read(LEAST_SAMPLES)
            is_known = not size or any(map(_is_chunk_or_file, (rest, rest[1:]), 2 * [whole - end]))
            is_sound = len(rest) == LEAST_SAMPLES and any(rest) and not rest.isascii()
            return at + 4 if is_sound and not is_known else 0
        at = end + size % 2
    return 0


def _is_chunk_or_file(rest: bytes, left: int) -> bool:
    fits = int.from_bytes(rest[4:8], "little") <= left
    return begins_file(rest) or (fits and rest[:4].isascii() and rest[:4].decode().isprintable())


def _end_of_wav(file: BinaryIO, start: int) -> int:
    """One whose header was never finished says 0 bytes or any number: too few or many come out."""
    size = int.from_bytes(_head(file, start)[4:8], "little")
    return start + 8 + size + size % 2


def _end_of_aiff(file: BinaryIO, start: int) -> int:
    size = int.from_bytes(_head(file, start)[4:8], "big")
    return start + 8 + size + size % 2


def _end_of_w64(file: BinaryIO, start: int) -> int:
    file.seek(start + W64_NAME)
    size = int.from_bytes(file.read(8), "little")
    return start + size + -size % 8


def _end_of_caf(file: BinaryIO, start: int) -> int:
    """Where what follows a chunk is the head of another file."""
    at = start + 8
    for _ in range(MOST_CHUNKS):
        head = _head(file, at)
        size = int.from_bytes(head[4:12], "big")
        if len(head) < CHUNK or size == TO_THE_END:
            return 0
        if begins_file(head):
            return at
        at += CHUNK + size
    return 0


def _end_of_mp4(file: BinaryIO, start: int) -> int:
    """Where another file begins, once the table of samples has come ("moov")."""
    at, complete = start, False
    for _ in range(MOST_CHUNKS):
        head = _head(file, at)
        if len(head) < 8:
            return 0
        if complete and begins_file(head):
            return at
        complete = complete or head[4:8] == b"moov"
        size = int.from_bytes(head[:4], "big")
        if size == 1:  # the real one follows
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: to the end
            return 0
        at += size
    return 0


def _end_of_webm(file: BinaryIO, start: int) -> int:
    """Where its segment ends if that says so, else where another head stands behind the first
    samples."""
    at, kinds = start + 4, KINDS
    if (size := _webm_size(file, at)) and _head(file, at := sum(size))[:4] == SEGMENT:
        size = _webm_size(file, at + 4)
        if size and begins_file(_head(file, sum(size))):
            return sum(size)
        if size:  # one that was written to its end may hold frames in a row
            kinds = KINDS - PACKETS
    file.seek(start)
    at = file.read(SEARCHED).find(CLUSTER)
    return next_head(file, start + 4, {"webm"}) if at < 0 else next_head(file, start + at, kinds)


def _webm_size(file: BinaryIO, at: int) -> tuple[int, int] | None:
    """Where the content of an element begins whose size stands at a place, and the size."""
    read = _head(file, at)[:8]
    length = 9 - read[0].bit_length() if read else 9
    size = int.from_bytes(read[:length], "big") & ((1 << 7 * length) - 1)
    unknown = len(read) < length or size == (1 << 7 * length) - 1
    return None if unknown else (at + length, size)


def _end_of_au(file: BinaryIO, start: int) -> int:
    file.seek(start + 4)
    offset, size = file.read(4), file.read(4)
    if size == UNKNOWN_SIZE:
        return next_head(file, start + 4, KINDS)
    return start + int.from_bytes(offset, "big") + int.from_bytes(size, "big")


def _behind_tags(file: BinaryIO, start: int) -> int:
    """Where what the tags are about begins: MP3, AAC or FLAC."""
    at = start
    for _ in range(MOST_TAGS):
        head = _head(file, at)
        if head[:3] != b"ID3":
            break
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        at += TAG_HEAD + size
    return at


def _end_of_packets(file: BinaryIO, start: int) -> int:
    """Where a file of another format begins."""
    begin = _behind_tags(file, start)
    kind = kind_of(_head(file, begin))
    # MPEG carries MP3 in pieces; MP3 and AAC may have tags between them, as streams have them.
    tagged = {"id3"} if kind in ("mp3", "aac") else set[str]()
    within = PACKETS if kind in ("mpeg", "id3", "") else tagged
    return next_head(file, begin + 1, KINDS - {kind} - within)


_WALKS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[BinaryIO, int], int]], ...]] = (
    (_is_wav, _end_of_wav),
    (_is_aiff, _end_of_aiff),
    (_is_w64, _end_of_w64),
    (_is_caf, _end_of_caf),
    (_is_mp4, _end_of_mp4),
    (_is_webm, _end_of_webm),
    (_is_au, _end_of_au),
    (_is_of_packets, _end_of_packets),
)
"""By the first bytes of a file, where it ends; 0 where that is not known."""
