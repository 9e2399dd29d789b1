"""What a soak says: growth by the lowest of each window, gaps of the first and the last window."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vdx.bench.figures import Report

WINDOW_MINUTES = 10.0
FEWEST = 5
"""Windows a run is divided into where it has not as many of ten minutes."""
ENOUGH_MINUTES = 40.0
"""A shorter run says nothing about growth an hour: caches and allocators fill up first."""
MB_AN_HOUR, SHARE_AN_HOUR = 2.0, 0.01
SLOWER_MS, SLOWER_SHARE = 20.0, 0.1
KB = 1024


class Moment(NamedTuple):
    """What the server held at a time, in seconds since the start."""

    at: float
    memory_kb: int
    handles: int
    tasks: int
    sessions: int


def window_minutes(minutes: float) -> float:
    return min(WINDOW_MINUTES, minutes / FEWEST)


def windows(minutes: float) -> int:
    """How many whole windows a run has."""
    return int(minutes / window_minutes(minutes) + 1e-6)


def lowest(moments: Sequence[Moment], name: str, minutes: float) -> list[float]:
    """The lowest value in each whole window of a run."""
    width = window_minutes(minutes) * 60
    found: list[float] = []
    for number in range(windows(minutes)):
        begin, end = number * width, (number + 1) * width
        values = [getattr(each, name) for each in moments if begin <= each.at < end]
        if values:
            found.append(float(min(values)))
    return found


def per_hour(values: Sequence[float], minutes: float) -> float:
    """The slope of a straight line through windows (least squares), the first window left out."""
    if len(values) < 3:
        return 0.0
    kept = np.asarray(values[1:])
    hours = np.arange(kept.size) * window_minutes(minutes) / 60
    return float(np.polyfit(hours, kept, 1)[0])


def add_growth(report: Report, moments: Sequence[Moment], minutes: float) -> None:
    """Growth an hour of memory, handles and tasks; memory has a goal where the run is long."""
    memory = [kb / KB for kb in lowest(moments, "memory_kb", minutes)]
    width = window_minutes(minutes)
    unread = windows(minutes) - len(memory)
    report.add(f"times {width:g} minutes in which nothing was read", "", [unread], max=0)
    if not memory:
        return
    goal = MB_AN_HOUR + SHARE_AN_HOUR * memory[min(1, len(memory) - 1)]
    reach = {"max": round(goal, 1)} if minutes >= ENOUGH_MINUTES else {}
    report.add(
        f"lowest memory of each {width:g} minutes", "MB", [round(each, 1) for each in memory]
    )
    report.add(
        "growth of it an hour, after the first",
        "MB",
        [round(per_hour(memory, minutes), 2)],
        **reach,
    )
    for name in ("handles", "tasks"):
        slope = per_hour(lowest(moments, name, minutes), minutes)
        report.add(f"growth of {name} an hour", "", [round(slope, 2)])


def add_latency(report: Report, turns: Sequence[tuple[float, float]], minutes: float) -> None:
    """The gap of all turns, (seconds since the start, ms), and p95 of the last against the first
    window, where each has enough turns for a p95.
    """
    width = window_minutes(minutes) * 60
    report.add("end of speech to first audio", "ms", [gap for _, gap in turns])
    first = [gap for at, gap in turns if at < width]
    last = [gap for at, gap in turns if minutes * 60 - width <= at < minutes * 60]
    if min(len(first), len(last)) < FEWEST:
        return
    begin, end = (float(np.percentile(gaps, 95)) for gaps in (first, last))
    allowed = max(SLOWER_MS, SLOWER_SHARE * begin)
    reach = {"max": round(allowed, 1)} if minutes >= ENOUGH_MINUTES else {}
    report.add(f"p95 of the first {width / 60:g} minutes", "ms", [round(begin, 1)])
    report.add(f"p95 of the last {width / 60:g} minutes", "ms", [round(end, 1)])
    report.add("p95 of the last less that of the first", "ms", [round(end - begin, 1)], **reach)


def verdict(report: Report, minutes: float) -> str:
    """One line for the notes of the report."""
    missed = report.missed()
    if missed:
        return f"verdict: missed: {'; '.join(missed)}"
    if minutes < ENOUGH_MINUTES:
        return (
            f"verdict: nothing left behind; growth and latency need {ENOUGH_MINUTES:g} minutes "
            f"for a verdict, this was {minutes:g}"
        )
    return "verdict: passed"
