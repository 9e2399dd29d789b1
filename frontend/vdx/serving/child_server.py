"""A server that runs as a child process: starts it, waits until it is ready, and ends it.

The base of `embedded.py` (Triton), `livekit.py` and `language_model.py`. A server has a temporary
folder with its log, a process group that it shares with everything it starts, and ends when this
process ends (`child_guard.py`). `supervision.py` restarts it when it ends or hangs.
"""

import asyncio
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from vdx.core.errors import VdxError
from vdx.core.threads import in_thread
from vdx.serving.private_memory import UMASK
from vdx.serving.scratch import Scratch, clear_dead
from vdx.serving.subprocesses import end_group, exited, guarded_command, tail

IsReady = Callable[[], Awaitable[bool]]
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerKind:
    """Names of a kind of server in messages and files, the error it raises, and its time-outs."""

    title: str
    program: str
    folder: str
    error: type[VdxError]
    start_timeout_s: float
    stop_timeout_s: float


class ChildServer(ABC):
    """One server process and everything it starts."""

    def __init__(self, kind: ServerKind) -> None:
        self._kind = kind
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Scratch | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int | None:
        """Process id, also that of its process group; None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log_file(self) -> Path:
        """Where the server and what it starts write their output; removed by `stop`."""
        if self._scratch is None:
            return Path(os.devnull)
        return self._scratch.folder / f"{self._kind.folder}.log"

    async def start(self) -> None:
        """Starts the server and waits until it is ready; does nothing if it runs.

        Raises the error of its kind if it ends or is not ready in time, with the end of its log.
        """
        if self.running:
            return
        try:
            await asyncio.to_thread(clear_dead)
            await self._start()
            await self._wait_ready()
        except BaseException:  # cancelled or failed: ends the server, then raises it again
            await self._end()
            raise

    async def stop(self) -> int | None:
        """Ends the server and all it started; the exit status, None if it was not started.

        Sends SIGTERM, and SIGKILL after the kind's `stop_timeout_s`. Safe to call twice.
        """
        return await self._end()

    async def died(self) -> int:
        """Waits until the process ends; its exit status. Its files are kept until `stop`."""
        if self._process is None:
            raise self._kind.error(f"{self._kind.title} does not run")
        return await exited(self._process)

    async def restart(self) -> None:
        """Ends what is left of the server and starts it again at the same address."""
        await self._end()
        await self.start()

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of the log, for an error message."""
        return tail(self.log_file, lines)

    @abstractmethod
    async def _start(self) -> None:
        """Chooses addresses, makes the temporary folder, and calls `_spawn`."""

    @abstractmethod
    def _readiness(self) -> AbstractAsyncContextManager[IsReady]:
        """A check whether the server is ready, which is called until it returns True."""

    def _timeout_hint(self) -> str:
        """What else to say if the server is not ready in time."""
        return ""

    def _spawn(
        self,
        command: list[str],
        scratch: Scratch,
        environment: Mapping[str, str],
        *,
        descriptors: Sequence[int] = (),
        private_memory: bool = False,
    ) -> None:
        """Starts the process; it inherits `descriptors` and the lock of its folder."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                guarded_command(command, scratch.lock, private_memory=private_memory),
                pass_fds=[scratch.lock, *descriptors],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C in the terminal must not reach it before its clients.
                start_new_session=True,
                umask=UMASK,
                cwd=scratch.folder,
            )

    async def _wait_ready(self) -> None:
        kind, process = self._kind, self._process
        if process is None:
            raise kind.error(f"{kind.title} was not started")
        try:
            async with self._readiness() as is_ready, asyncio.timeout(kind.start_timeout_s):
                while not await is_ready():
                    if process.poll() is not None:
                        ended = f"{kind.program} ended with status {process.returncode}"
                        raise kind.error(f"{ended}:\n{self.log_tail()}")
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            late = f"{kind.program} was not ready within {kind.start_timeout_s:g} s"
            raise kind.error(f"{late}{self._timeout_hint()}:\n{self.log_tail()}") from None

    async def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            await in_thread(self._remove_files)
            return None
        return await end_group(process, self._kind.stop_timeout_s, self._remove_files)

    def _remove_files(self) -> None:
        """Also the shared memory, which a server that was killed leaves behind."""
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.remove()
