"""A program that a bench asks again and again: a line to it, a line of JSON from it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from vdx.core.errors import SetupError

Ask = Callable[[str], Awaitable[dict[str, Any]]]


@contextlib.asynccontextmanager
async def line_program(*command: str | Path) -> AsyncIterator[Ask]:
    """Runs the program while entered, and yields what asks it.

    Raises:
        SetupError: it ended instead of answering; what it said is on standard error.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)

    async def ask(line: str) -> dict[str, Any]:
        told = b""
        if process.stdin is not None and process.stdout is not None:
            with contextlib.suppress(ConnectionError):  # it has ended: there is no answer
                process.stdin.write(f"{line}\n".encode())
                await process.stdin.drain()
            told = await process.stdout.readline()
        if not told:
            raise SetupError(f"{command[0]} could not compute; see the lines above")
        found: dict[str, Any] = json.loads(told)
        return found

    try:
        yield ask
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
