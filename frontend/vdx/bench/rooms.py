"""`vdx bench rooms`: what a LiveKit room adds to a turn and to a barge-in, above the WebSocket.

The conversations of `bargein`, one over the WebSocket and one in a room by turns, with the same
server in the same minutes.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from vdx.bench.client_process import Step, run_client_process
from vdx.bench.figures import Report
from vdx.bench.target import Target

ADDED_MS = 75.0
MEASURED = {
    "gap_ms": ("end of speech to first audio", "turn"),
    "silent_ms": ("onset to silence", "barge-in"),
}
"""Key of a row -> the name of its figure, and what it is of."""


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """Each round is two questions with interruptions over either transport."""
    ways = {"WebSocket": replace(target, livekit=False), "room": target}
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, there in ways.items():
            plan = there.plan(rounds=1, aware=False)
            found[way] += await run_client_process("bargein", plan, step)
    samples = [{**row, "transport": way} for way, rows in found.items() for row in rows]
    report = Report("rooms", {"rounds": rounds}, samples=samples)
    for key, (name, of) in MEASURED.items():
        values = {way: _values(rows, key) for way, rows in found.items()}
        for way in ways:
            report.add(f"{name}, {way}", "ms", values[way])
        usual = median(values["WebSocket"]) if values["WebSocket"] else 0.0
        above = [round(value - usual, 1) for value in values["room"]]
        report.add(f"  added to a {of} by the room", "ms", above, median=ADDED_MS)
    for way, rows in found.items():
        missing = sum(row[key] is None for row in rows for key in MEASURED)
        report.notes.append(f"{way}: {missing} of {2 * len(rows)} figures missing")
    report.notes.append("added: to the median over the WebSocket")
    return report


def _values(rows: Sequence[dict[str, Any]], key: str) -> list[float]:
    return [row[key] for row in rows if row[key] is not None]
