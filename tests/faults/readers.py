"""Recordings that are closed while a thread reads them, in a process of its own: FFmpeg ends the
process whose file is closed under it. Arguments: how often, and the name of a recording."""

import asyncio
import random
import sys
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from tests.faults.leaving import recording as recorded
from vdx.batch.recording import Recording
from vdx.batch.stretches import stretches
from vdx.core.config import VadConfig


async def leave(raw: bytes, seconds: float) -> None:
    """Reads a recording for so long, then gives it up and closes it."""
    with ExitStack() as scope:
        file = scope.enter_context(SpooledTemporaryFile(1_000_000))  # as uploads are kept
        file.write(raw)
        file.seek(0)
        recording = scope.enter_context(Recording(cast(BinaryIO, file), "recording"))

        async def read() -> None:
            async for _ in stretches(recording, VadConfig()):
                pass

        reading = asyncio.create_task(read())
        await asyncio.sleep(seconds)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def main(count: int, name: str) -> None:
    """`count` times, each after another while."""
    chance, raw = random.Random(1), recorded(name)
    for _ in range(count):
        await leave(raw, chance.uniform(0.02, 0.3))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
