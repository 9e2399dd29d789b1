"""The head of a FLAC whose own is destroyed, out of what each of its frames says too."""

import io
import re
from itertools import islice
from typing import BinaryIO, Final, NamedTuple

STREAMINFO: Final = 42
"""Bytes of the name and of the one block that every FLAC has."""
FRAME_HEAD: Final = 16
"""Bytes of the longest head of a frame."""
SEARCHED: Final = 2**20
"""Bytes within which the first frame is looked for; pictures stand before it."""
MOST_PLACES: Final = 2_000
"""That look like a frame and are looked at."""
MOST_BLOCKS: Final = 128
_SYNC: Final = re.compile(rb"\xff[\xf8\xf9]")
_RATES: Final = (
    0, 88_200, 176_400, 192_000, 8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
)  # fmt: skip
_BITS: Final = (0, 8, 12, 0, 16, 20, 24, 32)
_LARGEST: Final = 65_535
_SMALLEST: Final = 16


class Form(NamedTuple):
    """What a frame says of its sound."""

    rate: int
    channels: int
    bits: int


def repaired_head(file: BinaryIO, start: int) -> tuple[int, bytes] | None:
    """Where a FLAC begins whose head does not fit its first frame, and the head to read there.

    None: it fits, or there is no frame that says enough.
    """
    if (at := _behind_blocks(file, start)) is not None:
        file.seek(start)
        said = _said(file.read(STREAMINFO))
        file.seek(at)
        head = file.read(FRAME_HEAD)
        form = frame_form(head)
        if form and (said == form or 0 in form):
            return None
        if not head:
            return None  # without sound
    file.seek(start + STREAMINFO)
    read = file.read(SEARCHED)
    for match in islice(_SYNC.finditer(read), MOST_PLACES):
        form = frame_form(read[match.start() : match.start() + FRAME_HEAD])
        if form and 0 not in form:
            return start + match.start(), _head(form)
    return None


def _behind_blocks(file: BinaryIO, start: int) -> int | None:
    """Where the blocks before the sound end; None if they cannot be followed."""
    at = start + 4
    for _ in range(MOST_BLOCKS):
        file.seek(at)
        head = file.read(4)
        if len(head) < 4:
            return None
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return at if at <= file.seek(0, io.SEEK_END) else None
    return None


def _said(read: bytes) -> Form:
    packed = int.from_bytes(read[18:26], "big") >> 36
    if int.from_bytes(read[8:10], "big") < _SMALLEST:
        return Form(0, 0, 0)
    return Form(packed >> 8, (packed >> 5 & 7) + 1, (packed & 31) + 1)


def frame_form(head: bytes) -> Form | None:
    """What the first bytes of a frame say (0: what the head says); None if they are none."""
    if len(head) < FRAME_HEAD or not _SYNC.match(head) or head[3] & 1:
        return None
    block, rate = head[2] >> 4, head[2] & 15
    channels, bits = head[3] >> 4, head[3] >> 1 & 7
    number = 8 - (head[4] ^ 0xFF).bit_length()  # as UTF-8 writes it
    if block == 0 or rate == 15 or channels > 10 or bits == 3 or number in (1, 8):
        return None
    at = 4 + max(1, number)
    at += {6: 1, 7: 2}.get(block, 0)
    extra = {12: 1, 13: 2, 14: 2}.get(rate, 0)
    value = int.from_bytes(head[at : at + extra], "big")
    at += extra
    if _crc8(head[:at]) != head[at]:
        return None
    hertz = value * {12: 1_000, 13: 1, 14: 10}[rate] if extra else _RATES[rate]
    return Form(hertz, channels + 1 if channels < 8 else 2, _BITS[bits])


def _crc8(read: bytes) -> int:
    crc = 0
    for byte in read:
        crc ^= byte
        for _ in range(8):
            crc = crc << 1 ^ 0x07 if crc & 0x80 else crc << 1
            crc &= 0xFF
    return crc


def _head(form: Form) -> bytes:
    """A head that says nothing that is not known: neither length nor sum."""
    packed = (form.rate << 8 | form.channels - 1 << 5 | form.bits - 1) << 36
    sizes = _SMALLEST.to_bytes(2, "big") + _LARGEST.to_bytes(2, "big") + bytes(6)
    return b"fLaC\x80\x00\x00\x22" + sizes + packed.to_bytes(8, "big") + bytes(16)
