"""Runs the simulated users of a bench in a process of their own.

`run_client_process` starts it with a plan and reads its result from a file; both are JSON. A line
on its standard error that begins with `+` is a step done.
"""

import asyncio
import gc
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from vdx.core.errors import InvalidInput, VdxError

CLIENT_MODULES = (
    *("turn", "bargein", "false_bargein", "jitter", "interruptions"),
    *("sessions", "churn", "killed_client", "tools", "orders", "partials", "telephone"),
    *("soak_users", "swaps", "failover.killed_triton"),
)
"""Modules of this package that have a `run_users`."""
TAIL = 4000

Plan = dict[str, Any]
Step = Callable[[], None]
RunUsers = Callable[[Plan, Step], Coroutine[Any, Any, Any]]


async def run_client_process(module: str, plan: Plan, progress: Step | None = None) -> Any:
    """Runs `run_users` of `vdx.bench.<module>` in a child process and returns its result.

    Raises:
        VdxError: the client process failed; the message has the end of its standard error.
    """
    with tempfile.TemporaryDirectory(prefix="vdx-bench-client-") as folder:
        result, given = Path(folder) / "result.json", Path(folder) / "plan.json"
        # A file, because it holds the API key, and everybody can read a command line.
        given.write_text(json.dumps(plan), encoding="utf-8")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vdx.bench.client_process"),
            *(module, str(given), str(result)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            errors = await _follow(child.stderr, progress)
            if await child.wait() != 0:
                raise VdxError(f"the client process failed:\n{errors}", service="bench")
            return json.loads(result.read_text(encoding="utf-8"))
        finally:
            if child.returncode is None:
                child.terminate()
                await child.wait()


async def _follow(stream: asyncio.StreamReader | None, progress: Step | None) -> str:
    """Counts the steps done and keeps the end of everything else."""
    tail = ""
    while stream is not None and (line := await stream.readline()):
        text = line.decode(errors="replace")
        if not text.startswith("+"):
            tail = (tail + text)[-TAIL:]
        elif progress is not None:
            progress()
    return tail


def main(module: str, plan: str, result: str) -> None:
    """Entry point of the child process."""
    if module not in CLIENT_MODULES:
        raise InvalidInput(f"bench module {module!r}: expected one of {', '.join(CLIENT_MODULES)}")
    run_users: RunUsers = importlib.import_module(f"vdx.bench.{module}").run_users
    gc.disable()  # a collection would delay all users; the process is short
    found = run_loop(run_users(json.loads(Path(plan).read_text(encoding="utf-8")), _step))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def run_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs on uvloop if installed, which takes less CPU from the server under test."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(work)
    return uvloop.run(work)


def _step() -> None:
    sys.stderr.write("+\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
