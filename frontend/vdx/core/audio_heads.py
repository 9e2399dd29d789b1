"""By which bytes files of each format begin, and where in others such a beginning stands."""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import BinaryIO, Final

HEAD: Final = 64
"""Bytes that tell a format; a WebM says within so many which it is."""
SEARCHED: Final = 2**20
"""Bytes that are read at once."""
OVERLAP: Final = 2**14
"""Of them bytes that are read twice, so that no head and no frames in a row are cut through."""
MOST_PLACES: Final = 4_000
"""Of one kind that are looked at in what is read at once; a file that is made up may have nothing
else. Sound has some hundred of frames, and of anything else none."""
FRAMES_IN_A_ROW: Final = 4
"""MP3 and AAC begin with nothing but a frame, whose first bytes occur by chance."""

_HEADS: Final = {
    "wav": rb"RIFF[\s\S]{4}WAVE",
    "aiff": rb"FORM[\s\S]{4}AIF[FC]",
    "w64": rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
    "caf": rb"caff\x00\x01\x00\x00",
    "mp4": rb"\x00\x00\x00[\x08-\xff]ftyp[ -~]{3}",
    "webm": rb"\x1a\x45\xdf\xa3[\s\S]{0,49}?(?:\x42\x82\x84webm|\x42\x82\x88matroska)",
    "au": rb"\.snd\x00\x00[\s\S]{6}\x00\x00\x00[\x01-\x1b]",
    "flac": rb"(?<!\x7fFLAC[\s\S]{4})fLaC[\x00\x80]\x00\x00\x22",
    "ogg": rb"OggS\x00[\x02\x06]",
    "amr": rb"#!AMR(?:-WB)?\n",
    "mpeg": rb"\x00\x00\x01\xba(?:[\x44-\x7f][\s\S]{9}|[\x21-\x2f][\s\S]{7})\x00\x00\x01",
    "id3": rb"ID3[\x02-\x04]\x00[\x00-\xf0][\x00-\x7f]{4}",
}
_ANCHORS: Final = {
    "wav": (b"RIFF", 0), "aiff": (b"FORM", 0), "w64": (b"riff\x2e\x91\xcf", 0),
    "caf": (b"caff\x00\x01", 0), "mp4": (b"ftyp", 4), "webm": (b"\x1a\x45\xdf\xa3", 0),
    "au": (b".snd\x00\x00", 0), "flac": (b"fLaC", 0), "ogg": (b"OggS\x00", 0),
    "amr": (b"#!AMR", 0), "mpeg": (b"\x00\x00\x01\xba", 0), "id3": (b"ID3", 0),
}  # fmt: skip
"""Bytes of a head that are found fast, and how far behind its beginning they stand."""
_PATTERNS: Final = {kind: re.compile(pattern) for kind, pattern in _HEADS.items()}
_SYNC: Final = re.compile(rb"\xff[\xe2-\xff]")
PACKETS: Final = frozenset(("mp3", "aac"))
"""Formats that are frames and nothing else."""
KINDS: Final = frozenset((*_HEADS, *PACKETS))
_BIT_RATES: Final = {
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
}
"""kbit/s by MPEG's version (2 stands for 2.5 too) and layer."""
_RATES: Final = (44_100, 48_000, 32_000)


def kind_of(head: bytes) -> str:
    """The format that a file with these first bytes has; empty if they tell none.

    "id3" is a tag before one of MP3, AAC or FLAC.
    """
    for kind, pattern in _PATTERNS.items():
        if pattern.match(head):
            return kind
    return _frame(head)[0]


def begins_file(head: bytes) -> bool:
    """Whether a file may begin with these bytes, `HEAD` if it has so many."""
    loose = head.startswith((b"fLaC", b"OggS", b"ID3", b"#!AMR", b"\x1a\x45\xdf\xa3", b".snd"))
    pack = head.startswith(b"\x00\x00\x01\xba")
    return loose or pack or head[4:8] == b"ftyp" or bool(kind_of(head))


def next_head(file: BinaryIO, start: int, kinds: AbstractSet[str]) -> int:
    """Where behind `start` a file of one of `kinds` begins; 0 if none does."""
    at = start
    file.seek(at)
    read = file.read(SEARCHED)
    while read:
        places = [*_by_anchor(read, kinds), *_by_frames(read, kinds)]
        if places:
            return at + min(places)
        step = len(read) - OVERLAP
        if step <= 0 or not (more := file.read(SEARCHED)):
            return 0
        at += step
        read = read[step:] + more
    return 0


def _by_anchor(read: bytes, kinds: AbstractSet[str]) -> Iterator[int]:
    """Of each kind the first place."""
    for kind in kinds & _ANCHORS.keys():
        anchor, before = _ANCHORS[kind]
        found = -1
        for _ in range(MOST_PLACES):
            found = read.find(anchor, found + 1)
            if found < 0:
                break
            if found >= before and _PATTERNS[kind].match(read, found - before):
                yield found - before
                break


def _by_frames(read: bytes, kinds: AbstractSet[str]) -> Iterator[int]:
    """The first place with frames in a row."""
    if kinds.isdisjoint(PACKETS):
        return
    for match in islice(_SYNC.finditer(read), MOST_PLACES):
        at = match.start()
        kind, size = _frame(read[at : at + 6])
        if kind in kinds and _are_frames(read, at + size, kind):
            yield at
            return


def _are_frames(read: bytes, at: int, kind: str) -> bool:
    for _ in range(FRAMES_IN_A_ROW - 1):
        found, size = _frame(read[at : at + 6])
        if found != kind:
            return False
        at += size
    return True


def _frame(head: bytes) -> tuple[str, int]:
    """ "mp3" or "aac" and the size of a frame that begins so; else nothing."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return "", 0
    layer = 4 - (head[1] >> 1 & 3)
    if layer == 4:
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        plain = head[1] & 0xF6 == 0xF0 and head[2] >> 2 & 15 < 13 and size > 7
        return ("aac", size) if plain else ("", 0)
    version, bits, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or bits in (0, 15) or rate == 3:
        return "", 0
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    kbits = _BIT_RATES[1 if version == 3 else 2, layer][bits - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return "mp3", (12_000 * kbits // hertz + padding) * 4
    samples = 72_000 if layer == 3 and version != 3 else 144_000
    return "mp3", samples * kbits // hertz + padding
