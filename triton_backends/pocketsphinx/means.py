"""Cepstral means by session, shared by the processes that serve one model.

Triton hands each utterance of a person to whichever instance is free; what one learned of the
microphone must be there in the next.
"""

import fcntl
import hashlib
import os
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Self

SLOT = 256
"""Bytes of one session."""
_HEAD = struct.Struct("<16sIH")  # key, checksum, length


class SessionMeans:
    """A file of `slots` places, one session each; a newcomer may take the place of another.

    Safe to use from several processes: a slot that was read while it was written fails its
    checksum and counts as unknown. The last process to close it removes the file.
    """

    def __init__(self, file: Path, slots: int) -> None:
        self._file = file
        self._slots = slots
        self._descriptor = _open(file)

    @classmethod
    def of_server(cls, model: str, slots: int) -> Self:
        """Those of `model` in the server that started this process."""
        name = f"vdx-means-{os.getuid()}-{os.getppid()}-{model}"
        return cls(Path(tempfile.gettempdir()) / name, slots)

    def get(self, session: str) -> str | None:
        """What was kept last, None if nothing was."""
        if not session or not self._slots:
            return None
        key, offset = self._place(session)
        slot = os.pread(self._descriptor, SLOT, offset)
        if len(slot) < _HEAD.size:
            return None
        found, checksum, length = _HEAD.unpack_from(slot)
        mean = slot[_HEAD.size : _HEAD.size + length]
        whole = found == key and zlib.crc32(mean) == checksum
        return mean.decode("ascii") if whole else None

    def put(self, session: str, mean: str) -> None:
        """Keep the mean of a session, as pocketsphinx writes it."""
        value = mean.encode("ascii")
        if not session or not self._slots or len(value) > SLOT - _HEAD.size:
            return
        key, offset = self._place(session)
        slot = _HEAD.pack(key, zlib.crc32(value), len(value)) + value
        os.pwrite(self._descriptor, slot.ljust(SLOT, b"\0"), offset)

    def close(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # others still use it
        else:
            self._file.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _place(self, session: str) -> tuple[bytes, int]:
        key = hashlib.blake2b(session.encode(), digest_size=16).digest()
        return key, int.from_bytes(key[:8], "little") % self._slots * SLOT


def _open(file: Path) -> int:
    """A descriptor with a shared lock on the file that has the name now."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            if os.path.samestat(os.fstat(descriptor), file.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        os.close(descriptor)  # the last of its users has just removed it
