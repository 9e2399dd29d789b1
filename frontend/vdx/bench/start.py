"""`vdx bench start`: how long `vdx up` takes to ready, and from Ctrl-C to gone.

Measured with Triton, its models and the proof turn, in environments that are built already.
"""

import asyncio
import signal
import sys
import time

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.core.errors import SetupError

READY = b"talk here"
TIMEOUT_S = 120.0
TAIL = 1500
COMMAND = ("-m", "vdx.cli", "up", "--port", "0")


async def measure(rounds: int, step: Step) -> Report:
    """Starts and stops `rounds` times, after one that warms the disk's cache."""
    report = Report("start", {"rounds": rounds})
    ready: list[float] = []
    gone: list[float] = []
    await _once()
    for _ in range(rounds):
        up, down = await _once()
        ready.append(up)
        gone.append(down)
        step()
    report.add("start to ready, proof turn included", "s", ready, max=12.0)
    report.add("Ctrl-C to gone", "s", gone)
    return report


async def _once() -> tuple[float, float]:
    began = time.monotonic()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        await _ready(child)
        ready = time.monotonic()
        child.send_signal(signal.SIGINT)
        async with asyncio.timeout(TIMEOUT_S):
            await child.communicate()
        return round(ready - began, 2), round(time.monotonic() - ready, 2)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


async def _ready(child: asyncio.subprocess.Process) -> None:
    """Reads up to the line with the address; raises SetupError with the end of its output."""
    said = b""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while child.stdout is not None and (line := await child.stdout.readline()):
                said = (said + line)[-TAIL:]
                if READY in line:
                    return
    except TimeoutError:
        pass
    raise SetupError(f"vdx up did not become ready:\n{said.decode(errors='replace')}")
