"""Every bench of a suite, one after the other, and one report of them all.

The figures are kept as `report.json` beside the report, so that the next one can say what has
changed. A run that was left out or failed keeps the figures it had, with their date.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vdx.bench.figures import LEAST
from vdx.bench.markdown import render
from vdx.bench.plots import PLOTS, Plot, draw
from vdx.bench.registry import BENCHES, Benches, arguments, shown
from vdx.bench.studies import require_bench
from vdx.core.errors import ConfigError, SetupError, UnknownName

DATA, REPORT = "report.json", "report.md"
LIMIT_S = 7200.0
"""Seconds after which a run is ended."""
ERROR_CHARS = 2000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Suite:
    """What a report is of: benches and pictures, each by name."""

    benches: Benches
    plots: Mapping[str, tuple[str, Plot]]


OWN = Suite(BENCHES, PLOTS)
"""The benches of `vdx bench`; a checkout's `python -m benchmarks report` has more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run; `report` is what the command printed as JSON, None where it failed with `error`."""

    command: str
    at: str
    seconds: float
    report: dict[str, Any] | None = None
    error: str = ""

    def missed(self) -> list[str]:
        """The names of the figures that miss their goal."""
        figures = (self.report or {}).get("figures", ())
        return [f"{self.command}: {row['name']}" for row in figures if row.get("reached") is False]


def worse(before: dict[str, Any], outcomes: Iterable[Outcome], percent: float) -> list[str]:
    """Figures with a goal whose median is worse by more than `percent` than in `before`.

    Only against a run on a machine of the same kind: another one is as much worse as it is slower.
    """
    found = []
    for outcome in outcomes:
        last = before.get(outcome.command, {}).get("report")
        if outcome.report is None or last is None or not _alike(last, outcome.report):
            continue
        earlier = {row["name"]: row for row in last["figures"]}
        for row in outcome.report["figures"]:
            old, new = earlier.get(row["name"], {}).get("median"), row["median"]
            if not row.get("reach") or not old or new is None:
                continue
            change = 100 * (old - new if LEAST in row["reach"] else new - old) / abs(old)
            if change > percent:
                what = f"{outcome.command}: {row['name'].strip()}"
                found.append(f"{what} {old:g} -> {new:g} {row['unit']}".strip())
    return found


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one["machine"][key] == other["machine"][key] for key in ("cpu", "cores"))


def planned(names: Iterable[str], *, quick: bool, suite: Suite = OWN) -> list[str]:
    """The arguments of the runs to make, such as "turn --rounds 10"; all without `names`.

    Raises:
        UnknownName: there is no such bench in the suite.
    """
    known = suite.benches
    chosen = list(names) or list(known)
    for name in chosen:
        if name not in known:
            require_bench(name)
            raise UnknownName(f"there is no bench {name!r}; there are: {', '.join(known)}")
    return [
        f"{name} {run.quick if quick else run.full}".strip()
        for name in known
        if name in chosen
        for run in known[name].runs
    ]


def measure(command: str, benches: Benches = BENCHES) -> Outcome:
    """Runs one bench in a process of its own; its progress appears on standard error."""
    began, at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    process = [sys.executable, *arguments(command, benches), "--json"]
    try:
        done = subprocess.run(
            process, stdout=subprocess.PIPE, timeout=LIMIT_S, check=False, text=True
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


def make(commands: list[str], folder: Path, *, say: Say, suite: Suite = OWN) -> list[Outcome]:
    """Makes the runs and writes Markdown, plots and data into `folder`; returns what was run.

    What is there already is rewritten after every run: an end in the middle loses nothing.

    Raises:
        ConfigError: what lies in the folder is no report.
    """
    before = read(folder)
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    for number, command in enumerate(commands, 1):
        say(f"[{number}/{len(commands)}] {shown(command, suite.benches)}")
        outcomes.append(measure(command, suite.benches))
        if outcomes[-1].error:
            say(f"  failed: {outcomes[-1].error}")
        write(folder, before, outcomes, suite)
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


def write(
    folder: Path, before: dict[str, Any], outcomes: list[Outcome], suite: Suite = OWN
) -> None:
    """Writes the report; `before` are the runs of the last one.

    A run of the last report stays if it is planned still, or is of no bench of this suite.
    """
    now = {outcome.command: asdict(outcome) for outcome in outcomes if outcome.report}
    failed = {outcome.command: outcome.error for outcome in outcomes if not outcome.report}
    known = {*planned((), quick=False, suite=suite), *planned((), quick=True, suite=suite)}
    kept = {
        command: run
        for command, run in before.items()
        if command in known or command.split(" ")[0] not in suite.benches
    }
    runs = {**kept, **now}
    order = list(suite.benches)
    ordered = dict(sorted(runs.items(), key=lambda item: _place(item[0], order)))
    pictures: dict[str, str] = {}
    with contextlib.suppress(SetupError):  # the report says how to get them
        pictures = draw(ordered, folder, suite.plots)
    text = render(ordered, before, set(now), failed, pictures, suite.benches)
    (folder / REPORT).write_text(text, "utf-8")
    (folder / DATA).write_text(json.dumps({"runs": ordered}, indent=1), "utf-8")


def _place(command: str, order: list[str]) -> int:
    name = command.split(" ", maxsplit=1)[0]
    return order.index(name) if name in order else len(order)
