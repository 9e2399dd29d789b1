"""Starts, signals and waits for child processes without blocking the event loop."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from vdx.core.threads import in_thread

ROOT = Path(__file__).parents[2]
BOOT = "import sys; sys.path.insert(0, {root!r}); from vdx.serving.child_guard import main; main()"
TAIL_BYTES = 16_384
POLL_S = 0.1


def guarded_command(command: list[str], lock: int, *, private_memory: bool = False) -> list[str]:
    """`command`, wrapped to end with this process; `lock` is inherited, see `child_guard.py`.

    `private_memory` makes its shared memory unreadable for other users, see `private_memory.py`.
    """
    boot = BOOT.format(root=str(ROOT))
    wanted = [str(os.getpid()), str(lock), "private" if private_memory else "-"]
    return [sys.executable, "-I", "-S", "-c", boot, *wanted, *command]


def signal_group(group: int, number: signal.Signals) -> None:
    """Signals a process group; does nothing if it has ended."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process without a thread and without a child watcher."""
    if process.poll() is None:
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(process.pid)
        except OSError:  # no descriptor is free
            return await _polled(process)
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    return process.wait()


async def end_group(
    process: subprocess.Popen[bytes], timeout_s: float, clean_up: Callable[[], None]
) -> int:
    """Ends a process and its group, by force after `timeout_s`, then runs `clean_up`; the status.

    The waiting for a killed process and `clean_up`, which may remove many files, are in a thread.
    """

    def reap() -> None:
        process.wait()
        clean_up()

    signal_group(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(timeout_s):
            await exited(process)
    except TimeoutError:
        pass
    finally:
        # Also after a clean exit: a process it started may outlive it for a moment.
        signal_group(process.pid, signal.SIGKILL)
        await in_thread(reap)
    return process.returncode


async def _polled(process: subprocess.Popen[bytes]) -> int:
    while (status := process.poll()) is None:  # noqa: ASYNC110  (the kernel sets no event)
        await asyncio.sleep(POLL_S)
    return status


def tail(log: Path, lines: int) -> str:
    """The last lines of a log, at most 16 kB of them; empty where it cannot be read."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    return ""


async def answers_http(address: int | Path, target: str = "/") -> bool:
    """One request over HTTP to a port of loopback or a Unix socket; whether the status is 200."""
    try:
        if isinstance(address, Path):
            reader, writer = await asyncio.open_unix_connection(address)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", address)
    except OSError:
        return False
    try:
        head = f"GET {target} HTTP/1.1\r\nHost: vdx\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
