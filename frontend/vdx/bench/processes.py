"""The processes that benches start: `vdx` commands of their own, which they may kill."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vdx.bench.scrape import fetch
from vdx.core.errors import SetupError, VdxError
from vdx.serving.ports import choose_ports

START_S = 120.0
STOP_S = 20.0
LOG_TAIL = 1500
"""Characters of a log that an error shows."""
POLL_S = 0.05
READY = re.compile(rb"ready: (\S+)")
"""What commands that serve write, with their address."""
SESSIONS = 1_000
"""Higher than any bench opens: a bench measures how many the cores can hold."""


def own_environment() -> dict[str, str]:
    """That of this process, without any setting of vdx but its home."""
    return {k: v for k, v in os.environ.items() if k == "VDX_HOME" or not k.startswith("VDX_")}


@dataclass(slots=True)
class Part:
    """One process: how it is started, and what its output says once it is ready."""

    command: list[str]
    log: Path
    ready: re.Pattern[bytes] = READY
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> str:
        """Returns the address that it told; raises SetupError with the end of its output."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
                env=own_environment(),
            )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                while self.process.returncode is None:
                    if found := self.ready.search(self.log.read_bytes()[begin:]):
                        return found[1].decode().rstrip(";,") if found.groups() else ""
                    await asyncio.sleep(0.05)
        tail = self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:]
        raise SetupError(f"{self.command[:4]} did not become ready:\n{tail}")

    async def stop(self) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGCONT)  # it may be frozen
        await stop(process, signal.SIGTERM)


def redis_part(folder: Path, port: int) -> Part:
    """A Redis that keeps nothing on disk.

    Raises:
        SetupError: there is none here.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise SetupError("the bench needs redis-server; run: sudo apt install redis-server")
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
    ready = re.compile(rb"Ready to accept connections")
    return Part([program, *options, "--dir", str(folder)], folder / "redis.log", ready)


@contextlib.asynccontextmanager
async def vdx_command(
    folder: Path, name: str, *arguments: str, config: Mapping[str, Any]
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """A `vdx` command that serves HTTP on a free port: its address and process, once it is ready.

    Raises:
        SetupError: it did not become ready.
    """
    (port,) = choose_ports(f"the bench's {name}", 1)
    file, log = folder / f"{name}.yaml", folder / f"{name}.log"
    server = {**config.get("server", {}), "max_sessions": SESSIONS}
    file.write_text(yaml.safe_dump({**config, "server": server}), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "vdx.cli",
        *arguments,
        "--port",
        str(port),
        "--config",
        str(file),
    ]
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=output,
            stderr=output,
            stdin=asyncio.subprocess.DEVNULL,
            env=own_environment(),
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await _ready(process, url, log)
        yield url, process
    finally:
        await stop(process)


async def _ready(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    async def is_over() -> bool:
        with contextlib.suppress(VdxError):
            await asyncio.to_thread(fetch, f"{url}/readyz")
            return True
        return process.returncode is not None

    if not await comes_true(is_over, START_S) or process.returncode is not None:
        text = await asyncio.to_thread(log.read_text, encoding="utf-8", errors="replace")
        raise SetupError(f"a server of the bench did not become ready:\n{text[-LOG_TAIL:]}")


async def comes_true(
    holds: Callable[[], Awaitable[bool]], seconds: float, poll_s: float = POLL_S
) -> bool:
    """Whether something holds within `seconds`; asked every `poll_s`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                if await holds():
                    return True
                await asyncio.sleep(poll_s)
    return False


async def stop(process: asyncio.subprocess.Process, number: int = signal.SIGINT) -> None:
    """Asks a process to end by a signal, and ends it by force where it does not."""
    if process.returncode is not None:
        return
    process.send_signal(number)
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
