"""The person of a bench, in a process of their own.

`run_person` starts it with a plan and reads what the person experienced from a file; both are
JSON. A line on its standard error that begins with `+` is a step done.
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

SCENES = (
    *("turn", "bargein", "false_bargein", "jitter", "interruptions"),
    *("sessions", "churn", "vanish"),
)
"""Modules of this package that have a `scenario`."""
TAIL = 4000

Plan = dict[str, Any]
Step = Callable[[], None]
Scene = Callable[[Plan, Step], Coroutine[Any, Any, Any]]


async def run_person(scenario: str, plan: Plan, progress: Step | None = None) -> Any:
    """Runs `scenario` of `vdx.bench.<scenario>` in a child process and returns its result.

    Raises:
        VdxError: the person's process failed; the message is its last words.
    """
    with tempfile.TemporaryDirectory(prefix="vdx-person-") as folder:
        result, given = Path(folder) / "result.json", Path(folder) / "plan.json"
        # A file, because it holds the API key, and everybody can read a command line.
        given.write_text(json.dumps(plan), encoding="utf-8")
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vdx.bench.client_process"),
            *(scenario, str(given), str(result)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            last_words = await _follow(child.stderr, progress)
            if await child.wait() != 0:
                raise VdxError(f"the person's process failed:\n{last_words}", service="bench")
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


def main(scenario: str, plan: str, result: str) -> None:
    """Entry point of the child process."""
    if scenario not in SCENES:
        raise InvalidInput(f"scenario {scenario!r}: expected one of {', '.join(SCENES)}")
    act: Scene = importlib.import_module(f"vdx.bench.{scenario}").scenario
    gc.disable()  # a collection holds everybody up; the process does not live long
    found = run_loop(act(json.loads(Path(plan).read_text(encoding="utf-8")), _step))
    Path(result).write_text(json.dumps(found), encoding="utf-8")


def run_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs on uvloop where it is there: the person must be cheap beside what is measured."""
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
