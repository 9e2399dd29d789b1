"""`make bench`: every bench of the registry, one after the other, and one report of them all.

The figures are kept as `report.json` beside the report, so that the next one can say what has
changed. A run that was left out or failed keeps the figures it had, with their date.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vdx.bench.markdown import render
from vdx.bench.registry import BENCHES
from vdx.core.errors import ConfigError, UnknownName

DATA, REPORT = "report.json", "report.md"
LIMIT_S = 3600.0
"""No run takes longer."""
ERROR_CHARS = 2000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run; `report` is what `vdx bench … --json` printed, None where it failed with `error`."""

    command: str
    at: str
    seconds: float
    report: dict[str, Any] | None = None
    error: str = ""


def planned(names: Iterable[str], *, quick: bool) -> list[str]:
    """The arguments of the runs to make, such as "turn --rounds 10"; all without `names`.

    Raises:
        UnknownName: there is no such bench, or none that the report runs.
    """
    known = [name for name, bench in BENCHES.items() if bench.runs]
    chosen = list(names) or known
    for name in chosen:
        if name not in known:
            raise UnknownName(f"there is no bench {name!r}; there are: {', '.join(known)}")
    return [
        f"{name} {run.quick if quick else run.full}".strip()
        for name in known
        if name in chosen
        for run in BENCHES[name].runs
    ]


def measure(command: str) -> Outcome:
    """Runs one bench in a process of its own; its progress appears on standard error."""
    began, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    arguments = [sys.executable, "-m", "vdx.cli", "bench", *shlex.split(command), "--json"]
    try:
        done = subprocess.run(
            arguments, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False, text=True
        )
    except subprocess.TimeoutExpired:
        return Outcome(command, at, LIMIT_S, error=f"took longer than {LIMIT_S:.0f} s")
    seconds = round(time.monotonic() - began, 1)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = None
    if done.returncode != 0 or not isinstance(report, dict):
        said = f"ended with status {done.returncode}: {done.stdout[-ERROR_CHARS:]}"
        return Outcome(command, at, seconds, error=said.strip().removesuffix(":"))
    return Outcome(command, at, seconds, report)


def make(commands: list[str], folder: Path, *, say: Say) -> list[Outcome]:
    """Makes the runs and writes Markdown, plots and data into `folder`; returns what was run.

    What is there already is rewritten after every run: an end in the middle loses nothing.

    Raises:
        ConfigError: what lies in the folder is no report.
    """
    before = read(folder)
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, command in enumerate(commands, 1):
        say(f"[{number}/{len(commands)}] vdx bench {command}")
        outcomes.append(measure(command))
        if outcomes[-1].error:
            say(f"  failed: {outcomes[-1].error}")
        write(folder, before, outcomes)
    return outcomes


def read(folder: Path) -> dict[str, Any]:
    """The runs of the last report by command; none where there is no report."""
    file = folder / DATA
    if not file.exists():
        return {}
    try:
        runs = json.loads(file.read_text("utf-8"))["runs"]
        return {str(command): dict(run) for command, run in runs.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigError(f"{file} is no report of vdx bench: {error!r}") from None


def write(folder: Path, before: dict[str, Any], outcomes: list[Outcome]) -> None:
    """Writes the report; `before` are the runs of the last one."""
    from vdx.bench import plots

    now = {outcome.command: asdict(outcome) for outcome in outcomes if outcome.report}
    failed = {outcome.command: outcome.error for outcome in outcomes if not outcome.report}
    known = {*planned((), quick=False), *planned((), quick=True)}
    kept = {command: run for command, run in before.items() if command in known}
    runs = {**kept, **now}
    ordered = dict(sorted(runs.items(), key=lambda item: _place(item[0])))
    pictures = plots.draw(ordered, folder)
    text = render(ordered, before, set(now), failed, pictures)
    (folder / REPORT).write_text(text, "utf-8")
    (folder / DATA).write_text(json.dumps({"runs": ordered}, indent=1), "utf-8")


def _place(command: str) -> int:
    return list(BENCHES).index(command.split(" ", maxsplit=1)[0])
