"""Measures how late the event loop runs its callbacks, and logs long stalls."""

import asyncio
import time
from typing import Final

from vdx.core.logs import logger
from vdx.core.metrics import LOOP_STALL, LOOP_STALL_CPU

log = logger(__name__)

INTERVAL_S: Final = 0.02
"""Interval of the measurements: that of audio frames."""
TOLD_S: Final = 0.25
"""A stall of at least so long is logged."""


async def watch_loop() -> None:
    """Runs until cancelled; a stall is how late its sleep ends.

    If this thread used CPU for about the whole stall, work on the loop caused it. If not, the
    machine has too few cores, or another thread held the interpreter lock.
    """
    while True:
        due = time.monotonic() + INTERVAL_S
        used = time.thread_time()
        await asyncio.sleep(INTERVAL_S)
        stall = max(0.0, time.monotonic() - due)
        # Some of the time belongs to work before the wake-up was due, so this is an upper bound.
        cpu = min(stall, time.thread_time() - used)
        LOOP_STALL.observe(stall)
        LOOP_STALL_CPU.observe(cpu)
        if stall >= TOLD_S:
            log.warning("event loop stalled", seconds=round(stall, 3), cpu_seconds=round(cpu, 3))
