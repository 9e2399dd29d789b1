"""Reports when the process of a model on this machine ends, sooner than a probe would.

Triton 2.51 does not report it and keeps the model READY. The processes are found by their command
line. Those of another Triton on the machine may be among them, so a report is only a reason to
probe. Models of a Triton on another machine have no process here, and are not reported.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Collection
from pathlib import Path

from vdx.core.logs import logger
from vdx.serving.backend_dir import STUB

log = logger(__name__)

PROC = Path("/proc")


def model_processes(models: Collection[str]) -> dict[int, str]:
    """Process id and model of every model process on this machine; reads all of /proc."""
    found: dict[int, str] = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it ended meanwhile, or is somebody else's
                name = _model_of((folder / "cmdline").read_bytes())
                if name in models:
                    found[int(folder.name)] = name
    return found


def _model_of(cmdline: bytes) -> str:
    """The model of a stub's command line: STUB REPOSITORY/MODEL/VERSION/model.py ..."""
    words = cmdline.decode(errors="replace").split("\0")
    if len(words) < 2 or Path(words[0]).name != STUB:
        return ""
    return Path(words[1]).parent.parent.name


async def _found(models: Collection[str]) -> dict[int, str] | None:
    """The same in a thread; None when this process has no file descriptor or thread left."""
    try:
        return await asyncio.to_thread(model_processes, models)
    except (OSError, RuntimeError) as error:  # no descriptor, or no thread, is free
        log.warning("model processes were not listed", error=str(error))
        return None


class ModelProcesses:
    """Follows the processes of models; all calls on one event loop."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        """`ended` is called with a model's name when a process of it has ended."""
        self._ended = ended
        self._followed: dict[int, int] = {}
        self._seen: set[str] = set()

    async def follow(self, models: Collection[str]) -> None:
        """Finds the processes of `models` and follows those that are new."""
        found = await _found(models)
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
        return model in self._seen and await _found({model}) == {}

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
