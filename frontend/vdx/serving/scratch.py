"""The temporary folder and shared memory of one child server; removes those of ended owners.

An owner holds a lock on a file in /dev/shm that names its folder. The kernel releases the lock when
the last process that holds it ends, whichever way, so a file that can be locked has no
owner any more. `fcntl` and not `filelock`: the lock is handed on to a child by its descriptor.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Self

# Where Linux keeps POSIX shared memory; Triton names its regions there after `region_prefix`.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # nosec B108
OWNER = "owner"
FOLDER_PREFIX = "vdx-"
LONGEST_PATH = 4096


class Scratch:
    """One temporary folder and one prefix of shared memory regions, owned until `remove`."""

    def __init__(self, folder: Path, region_prefix: str, lock: int) -> None:
        self.folder = folder
        self.region_prefix = region_prefix
        self.lock = lock
        """Descriptor; a child that inherits it is an owner too."""

    @classmethod
    def create(cls, kind: str) -> Self:
        """A new folder `vdx-KIND-…` in TMPDIR, for this user only; raises OSError."""
        prefix = f"vdx_{secrets.token_hex(6)}_"
        unlocked = SHARED_MEMORY / f"{prefix}new"
        lock = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        folder = None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{kind}-")).absolute()
            os.write(lock, os.fsencode(folder))
            # Under its last name only once it is locked: before, it would look abandoned.
            unlocked.rename(SHARED_MEMORY / f"{prefix}{OWNER}")
        except OSError:
            os.close(lock)
            unlocked.unlink(missing_ok=True)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return cls(folder, prefix, lock)

    def remove(self) -> None:
        """Removes folder and regions; what cannot be removed now is left to `clear_dead`."""
        _remove(self.folder, self.region_prefix)
        os.close(self.lock)


def clear_dead() -> None:
    """Removes folders and regions of this user whose owner has ended; never raises."""
    with contextlib.suppress(OSError):
        for file in SHARED_MEMORY.iterdir():
            if file.name.startswith("vdx_") and file.name.endswith(f"_{OWNER}"):
                with contextlib.suppress(OSError):
                    _clear(file)


def _clear(file: Path) -> None:
    # The folder is everybody's: a link, a pipe or another user's file is nothing of ours.
    lock = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(lock)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink == 0:  # another process has just cleared it
            return
        folder = Path(os.fsdecode(os.pread(lock, LONGEST_PATH, 0)))
        if folder.is_absolute() and folder.name.startswith(FOLDER_PREFIX):
            _remove(folder, file.name.removesuffix(OWNER))
    finally:
        os.close(lock)


def _remove(folder: Path, prefix: str) -> None:
    """Removes the lock file last: while it is there, the next `clear_dead` tries again."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        for region in SHARED_MEMORY.iterdir():
            if region.name.startswith(prefix) and region.name != f"{prefix}{OWNER}":
                region.unlink(missing_ok=True)
        if not folder.exists():
            (SHARED_MEMORY / f"{prefix}{OWNER}").unlink(missing_ok=True)
