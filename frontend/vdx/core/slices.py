"""Divides long work on the event loop into slices, between which other callbacks run.

A thread would not help here: parsing, cutting text and NumPy on small arrays hold the
interpreter's lock, so the loop would wait for the thread instead.
"""

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

_LINES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def yield_to_loop() -> None:
    """Call between two slices of a few milliseconds each.

    Lets the loop's other callbacks run, then earlier callers of this function: however many
    sessions have long work at the same time, each pass of the loop does one slice.
    """
    async with _LINES.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        await asyncio.sleep(0)
