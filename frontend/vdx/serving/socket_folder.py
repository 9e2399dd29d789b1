"""Which server may listen in a folder for sockets: the one that holds its lock.

Triton listens in the folder of a VDX_HOME, a second Triton and llama.cpp in one of their own. gRPC
replaces a socket that exists without asking whether somebody listens there, and removes the file
when it ends, whoever's it is by then. The server therefore inherits the lock's descriptor: the
lock is released when the last process that uses the socket has ended. `filelock` keeps its
descriptor to itself, so this is `flock` itself.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import SetupError
from vdx.core.threads import in_thread
from vdx.serving.address import fits, make_private, shared_folder

LOCK = "lock"
OWN_PREFIX = "vdx-socket-"
LEFT_OVER_S = 10.0
"""How long a server whose vdx was killed is waited for."""


@dataclass(frozen=True, slots=True)
class SocketFolder:
    """A folder that a server of this process may listen in."""

    folder: Path
    descriptor: int
    """Of the lock; the server inherits it."""
    shared: bool
    """Whether it is the one in which other commands look for a Triton."""

    def release(self) -> None:
        """Releases the folder; the lock stays held while a process that inherited it runs."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)
        if not self.shared:
            shutil.rmtree(self.folder, ignore_errors=True)


async def lock_socket_folder(home: Path | None) -> SocketFolder:
    """The folder of VDX_HOME `home`; one of its own where another Triton has that, or without.

    Waits up to LEFT_OVER_S for a server whose vdx was killed. Raises SetupError.
    """
    if home is None:
        return await in_thread(_own_folder, discard=SocketFolder.release)
    folder = shared_folder(home)
    make_private(folder)
    deadline = asyncio.get_running_loop().time() + LEFT_OVER_S
    while (descriptor := _lock(folder)) is None:
        if _owner_runs(folder) or asyncio.get_running_loop().time() > deadline:
            return await in_thread(_own_folder, discard=SocketFolder.release)
        await asyncio.sleep(0.05)
    return SocketFolder(folder, descriptor, shared=True)


def _own_folder() -> SocketFolder:
    usual = Path(tempfile.gettempdir())
    short = usual if fits(usual / f"{OWN_PREFIX}12345678") else Path("/tmp")  # noqa: S108  # nosec B108
    _remove_left_over(short)
    folder = Path(tempfile.mkdtemp(prefix=OWN_PREFIX, dir=short))
    descriptor = _lock(folder)
    if descriptor is None:  # somebody cleans up at this very moment
        raise SetupError(f"{folder / LOCK} is locked")
    return SocketFolder(folder, descriptor, shared=False)


def _lock(folder: Path) -> int | None:
    """The descriptor of the folder's lock, with this process's id in it; None if it is held."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(f"{folder / LOCK}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _owner_runs(folder: Path) -> bool:
    """Whether the vdx that took the lock still runs; its server may hold the lock alone.

    One that was killed and that its parent has not waited for yet has an id, but does not run.
    """
    import psutil

    with contextlib.suppress(OSError, ValueError, psutil.Error):
        owner = psutil.Process(int((folder / LOCK).read_text()))
        return bool(owner.status() != psutil.STATUS_ZOMBIE)
    return False


def _remove_left_over(parent: Path) -> None:
    """Removes folders whose vdx and server were killed."""
    for folder in parent.glob(f"{OWN_PREFIX}*"):
        with contextlib.suppress(OSError, SetupError):
            if folder.lstat().st_uid != os.geteuid() or not (folder / LOCK).exists():
                continue
            descriptor = _lock(folder)
            if descriptor is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(descriptor)
