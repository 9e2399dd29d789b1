"""A study's program that runs in the environment of the models, and the JSON lines it writes."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

from vdx.core.errors import SetupError
from vdx.serving.environment import ONE_THREAD

LIMIT_S: Final = 900.0
"""For one line."""


async def json_lines(
    command: Sequence[str], count: int, *, cwd: Path | None = None
) -> AsyncGenerator[dict[str, float]]:
    """The first `count` lines; the program is ended with the generator.

    It has as many threads as a model process of a server has, see ONE_THREAD: processor time would
    count those that spin.

    Raises:
        SetupError: it ended before; what it said is on standard error.
        TimeoutError: a line took longer than LIMIT_S.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, cwd=cwd, env=os.environ | ONE_THREAD
    )
    try:
        for _ in range(count):
            async with asyncio.timeout(LIMIT_S):
                line = await process.stdout.readline() if process.stdout else b""
            if not line:
                raise SetupError("the model could not be measured; see the lines above")
            yield json.loads(line)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
