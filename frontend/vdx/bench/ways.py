"""One bench over two ways of connecting by turns: what the second adds to the first.

With the same server in the same minutes, so that what else the machine does is in both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from vdx.bench.figures import Report

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of a row (`key`), and what it is part of: "end of speech to audio", "a turn"."""

    key: str
    name: str
    of: str


CONVERSATION = (
    Measured("gap_ms", "end of speech to first audio", "a turn"),
    Measured("silent_ms", "onset to silence", "a barge-in"),
)
"""Of the rows of `bargein`."""


def add_difference(
    report: Report,
    found: Mapping[str, Rows],
    measured: Measured,
    by: str,
    **reach: float,
) -> None:
    """Adds the figure over each way, and what the second way adds to the median over the first."""
    usual_way, other = found
    values = {way: values_of(rows, measured.key) for way, rows in found.items()}
    for way in found:
        report.add(f"{measured.name}, {way}", "ms", values[way])
    usual = median(values[usual_way]) if values[usual_way] else 0.0
    added = [round(value - usual, 1) for value in values[other]]
    report.add(f"  added to {measured.of} by {by}", "ms", added, **reach)


def values_of(rows: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    """The figures of rows that have one."""
    return [row[key] for row in rows if row[key] is not None]


def add_notes(report: Report, found: Mapping[str, Rows]) -> None:
    """Says how many of the figures of a conversation are missing, and what is added to what."""
    for way, rows in found.items():
        missing = sum(row[each.key] is None for row in rows for each in CONVERSATION)
        report.notes.append(f"{way}: {missing} of {len(CONVERSATION) * len(rows)} figures missing")
    report.notes.append(f"added: to the median over the {next(iter(found))}")


def with_way(found: Mapping[str, Rows]) -> Rows:
    """All rows, each with the name of its way."""
    return [{**row, "transport": way} for way, rows in found.items() for row in rows]
