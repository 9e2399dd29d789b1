"""Figures: numbers with count, median, p95 and p99, and the machine they were taken on."""

import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ENOUGH_FOR_A_CURVE = 5
LEAST = "min"
"""The point whose goal is to be at least so much; all others are to be at most that."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity; `values` are its repeats, in `unit`.

    `reach` is the goal: {"median": 340, "p95": 385} means at most these, {"min": 90} at least this.
    """

    name: str
    unit: str
    values: Sequence[float]
    reach: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Count, min, median, p95, p99 and max; the latter five None without values.

        `percentiles`, from 0 to 100, are there for a curve where it has enough values.
        """
        values = np.asarray(self.values, dtype=float)
        row: dict[str, Any] = {"name": self.name, "unit": self.unit, "count": int(values.size)}
        points = {"min": 0, "median": 50, "p95": 95, "p99": 99, "max": 100}
        for name, percent in points.items():
            row[name] = round(float(np.percentile(values, percent)), 3) if values.size else None
        if values.size >= ENOUGH_FOR_A_CURVE:
            curve = np.percentile(values, np.arange(101))
            row["percentiles"] = [round(float(value), 3) for value in curve]
        if self.reach:
            row["reach"] = self.reach
            row["reached"] = bool(values.size) and all(
                row[point] >= limit if point == LEAST else row[point] <= limit
                for point, limit in self.reach.items()
            )
        return row


def goal(point: str, limit: float) -> str:
    """One point of a goal as it is shown: "p95 ≤ 385"."""
    return f"{point} {'≥' if point == LEAST else '≤'} {limit:g}"


@dataclass(slots=True)
class Report:
    """What one bench found; `notes` say what a reader must know about the figures."""

    bench: str
    options: dict[str, Any]
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, unit: str, values: Sequence[float], **reach: float) -> None:
        """Adds a figure; keywords are the points to reach, such as `p95=385` or `min=90`."""
        self.figures.append(Figure(name, unit, values, reach))

    def as_dict(self) -> dict[str, Any]:
        return {
            "bench": self.bench,
            "options": self.options,
            "machine": self.machine or asdict(Machine.here()),
            "figures": [figure.summary() for figure in self.figures],
            "notes": self.notes,
            "samples": self.samples,
        }

    def missed(self) -> list[str]:
        """The names of the figures that miss their goal."""
        return [each.name for each in self.figures if each.summary().get("reached") is False]

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), indent=1)


def told(rows: Iterable[Mapping[str, Any]], key: str, **where: Any) -> list[float]:
    """What rows have under a key, without those that have None there.

    Only of rows that have these values elsewhere: `told(turns, "gap_ms", clip="ps_cards_002")`.
    """
    chosen = (row for row in rows if all(row[name] == value for name, value in where.items()))
    return [row[key] for row in chosen if row[key] is not None]


def gathered(users: Iterable[Mapping[str, Any]], key: str) -> list[Any]:
    """The lists that users have under a key, one behind the other."""
    return [value for user in users for value in user[key]]


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures depend on; `load` is the 1, 5 and 15 minute load average."""

    cpu: str
    cores: int
    load: tuple[float, float, float]
    python: str
    system: str

    @classmethod
    def here(cls) -> "Machine":
        return cls(
            cpu=_cpu_model(),
            cores=os.cpu_count() or 1,
            load=os.getloadavg(),
            python=platform.python_version(),
            system=platform.platform(),
        )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def print_table(report: Report) -> None:
    """The report as a table, on standard output."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    whole = report.as_dict()
    machine = whole["machine"]
    console = Console(highlight=False)
    load = " ".join(f"{value:.1f}" for value in machine["load"])
    table = Table(
        title=report.bench,
        caption=f"{machine['cpu']}, {machine['cores']} cores, load {load}",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column in ("figure", "unit", "count", "median", "p95", "p99", "max", "goal", ""):
        long = column in ("figure", "goal")
        table.add_column(column, justify="left" if long else "right", no_wrap=not long)
    for row in whole["figures"]:
        # One a line: a point and its limit stay together.
        reach = "\n".join(goal(point, limit) for point, limit in row.get("reach", {}).items())
        verdict = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[row.get("reached")]
        points = [number(row[key]) for key in ("median", "p95", "p99", "max")]
        table.add_row(row["name"], row["unit"], str(row["count"]), *points, reach, verdict)
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}", style="dim")


def number(value: float | None, missing: str = "-") -> str:
    """Four digits, and all before the point: 15003, not 1.5e+04."""
    if value is None:
        return missing
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
