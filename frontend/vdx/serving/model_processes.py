"""Reports when the process of a model on this machine ends, sooner than a probe would.

Triton 2.51 does not report it and keeps the model READY. The processes are found by their command
line; their parent is the tritonserver. Those of another Triton on the machine are left out where
it can be told who listens at the address of ours. Where it cannot (another user's Triton), they
may be among them, so a report is only a reason to probe. Models of a Triton on another machine
have no process here, and are not reported.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection
from pathlib import Path
from urllib.parse import unquote

from vdx.core.logs import logger
from vdx.serving.backend_dir import STUB

log = logger(__name__)

PROC = Path("/proc")
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def model_processes(models: Collection[str], server: int | None = None) -> dict[int, str]:
    """Process id and model of every process of `models` on this machine; reads all of /proc.

    With the process id of a tritonserver, only its own.
    """
    found: dict[int, str] = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended meanwhile, or is somebody else's
                name = model_of((folder / "cmdline").read_bytes())
                if name in models and server in (None, _parent_of(folder)):
                    found[int(folder.name)] = name
    return found


def listening_process(url: str) -> int | None:
    """The process of this user that listens at a gRPC address, unix:PATH or a loopback HOST:PORT.

    None where there is none, or it cannot be told. Reads what every process has open.
    """
    import psutil

    path = unquote(url.removeprefix("unix:")) if url.startswith("unix:") else ""
    host, _, port = url.rpartition(":")
    if not path and host not in LOOPBACK:
        return None
    try:
        opened = psutil.net_connections("unix" if path else "tcp")
    except (psutil.Error, OSError):  # no descriptor is free, or /proc is closed to this user
        return None
    for each in opened:
        if each.laddr == path or (
            not path and each.status == psutil.CONN_LISTEN and str(each.laddr.port) == port
        ):
            return int(each.pid) if each.pid else None
    return None


def _parent_of(process: Path) -> int:
    # The name, in brackets, may hold blanks and brackets; state and parent follow it.
    return int((process / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])


def model_of(cmdline: bytes) -> str:
    """The model of a stub's command line: STUB REPOSITORY/MODEL/VERSION/model.py ..."""
    words = cmdline.decode(errors="replace").split("\0")
    if len(words) < 2 or Path(words[0]).name != STUB:
        return ""
    return Path(words[1]).parent.parent.name


async def _found(models: Collection[str], url: str) -> dict[int, str] | None:
    """Those of the Triton at `url`; None when no file descriptor or thread is free."""
    try:
        server = await asyncio.to_thread(listening_process, url)
        return await asyncio.to_thread(model_processes, models, server)
    except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is free
        log.warning("model processes were not listed", error=str(error))
        return None


class ModelProcesses:
    """Follows the processes of one Triton's models; all calls on one event loop."""

    def __init__(self, url: str, ended: Callable[[str], None]) -> None:
        """`ended` is called with a model's name when a process of it has ended."""
        self._url = url
        self._ended = ended
        self._followed: dict[int, int] = {}
        self._seen: set[str] = set()

    async def follow(self, models: Collection[str]) -> None:
        """Finds the processes of `models` and follows those that are new."""
        found = await _found(models, self._url)
        if found is None:
            return
        self._seen.update(found.values())
        for pid, model in found.items():
            if pid not in self._followed:
                with contextlib.suppress(OSError):  # it ended meanwhile
                    descriptor = os.pidfd_open(pid)
                    self._followed[pid] = descriptor
                    loop = asyncio.get_running_loop()
                    loop.add_reader(descriptor, self._has_ended, pid, model)

    async def gone(self, model: str) -> bool:
        """Whether this machine has no process of a model any more that had one."""
        return model in self._seen and await _found({model}, self._url) == {}

    def close(self) -> None:
        """Stops following all."""
        for pid in list(self._followed):
            self._forget(pid)

    def _has_ended(self, pid: int, model: str) -> None:
        self._forget(pid)
        self._ended(model)

    def _forget(self, pid: int) -> None:
        descriptor = self._followed.pop(pid)
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
