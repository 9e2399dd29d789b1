"""Measures how long the event loop is kept from its work, and tells of long stalls."""

import asyncio
import time
from typing import Final

from vdx.core.logs import logger
from vdx.core.metrics import LOOP_STALL, LOOP_STALL_CPU

log = logger(__name__)

INTERVAL_S: Final = 0.02
"""Between two measurements; a frame of audio is due as often."""
TOLD_S: Final = 0.25
"""A stall from here on is a line in the log."""


async def watch_loop() -> None:
    """Runs until cancelled; how late it wakes up is the stall.

    A stall with as much processor time of this thread was made by work on the loop. One with
    little of it was made by the machine: too few cores, or a thread that held the interpreter.
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
