"""One bench over two ways of connecting by turns: what the second adds to the first.

With the same server in the same minutes, so that what else the machine does is in both. Each
recording is held against itself: how a recording ends moves the end of its turn by more than a
transport does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from vdx.bench.client_process import Step, run_client_process
from vdx.bench.figures import Report, told
from vdx.bench.target import BRIEF, Target

Rows = list[dict[str, Any]]
STEPS: int = 2 * (4 + 2)
"""Of a round: four turns and two interruptions over either."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of the rows of a bench: its key there, its name, and what it is part of."""

    bench: str
    key: str
    name: str
    of: str


CONVERSATION = (
    Measured("turn", "gap_ms", "end of speech to first audio", "a turn"),
    Measured("bargein", "silent_ms", "onset to silence", "a barge-in"),
)


async def converse(
    ways: Mapping[str, Target], aware: Sequence[str], rounds: int, step: Step | None
) -> dict[str, Rows]:
    """The rows of `turn` and of `bargein` over each way, by turns; clients of `aware` ways know
    vdx's events. Each row has its way and its bench."""
    found: dict[str, Rows] = {way: [] for way in ways}
    for _ in range(rounds):
        for bench in (each.bench for each in CONVERSATION):
            for way, there in ways.items():
                # What follows the first sound of an answer is no part of a turn's figure.
                brief = bench == "turn" and BRIEF in there.profiles
                named = {"profile": BRIEF} if brief else {}
                plan = there.plan(rounds=1, sessions=1, aware=way in aware, **named)
                rows = await run_client_process(bench, plan, step)
                found[way] += [{**row, "transport": way, "bench": bench} for row in rows]
    return found


def add_difference(
    report: Report, found: Mapping[str, Rows], measured: Measured, by: str, **reach: float
) -> None:
    """Adds the figure over each way, and what the second way adds to the median of the same
    recording over the first."""
    usual, other = found
    for way, rows in found.items():
        report.add(f"{measured.name}, {way}", "ms", values_of(rows, measured, measured.key))
    added = []
    for clip in dict.fromkeys(row["clip"] for row in found[other]):
        of_clip = {
            way: values_of([row for row in rows if row["clip"] == clip], measured, measured.key)
            for way, rows in found.items()
        }
        if of_clip[usual]:
            before = median(of_clip[usual])
            added += [round(value - before, 1) for value in of_clip[other]]
    report.add(f"  added to {measured.of} by {by}", "ms", added, **reach)


def values_of(rows: Sequence[Mapping[str, Any]], measured: Measured, key: str) -> list[float]:
    """What the rows of a figure's bench have under `key`."""
    return told(rows, key, bench=measured.bench)


def add_notes(report: Report, found: Mapping[str, Rows]) -> None:
    """Says how many of the figures of a conversation are missing, and what is added to what."""
    for way, rows in found.items():
        count = sum(len(values_of(rows, each, each.key)) for each in CONVERSATION)
        report.notes.append(f"{way}: {len(rows) - count} of {len(rows)} figures missing")
    report.notes.append(f"added: to the median of the same recording over the {next(iter(found))}")
