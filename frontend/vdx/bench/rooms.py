"""`vdx bench rooms`: what a LiveKit room adds to a turn and to a barge-in, above the WebSocket.

The conversations of `bargein`, one over the WebSocket and one in a room by turns. In the room the
client falls silent at the event of a pause, as the page does; how long one hears the reply that
does not, is told beside it.
"""

from dataclasses import replace

from vdx.bench.client_process import Step, run_client_process
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.bench.ways import CONVERSATION, Rows, add_difference, add_notes, values_of, with_way

ADDED_MS = 75.0


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """Each round is two questions with interruptions over either transport."""
    ways = {"WebSocket": replace(target, livekit=False), "room": target}
    found: dict[str, Rows] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, there in ways.items():
            plan = there.plan(rounds=1, aware=there.livekit)
            found[way] += await run_client_process("bargein", plan, step)
    report = Report("rooms", {"rounds": rounds}, samples=with_way(found))
    for measured in CONVERSATION:
        add_difference(report, found, measured, "the room", median=ADDED_MS)
    report.add(
        "onset to silence, room, of a client that plays all that comes",
        "ms",
        values_of(found["room"], "came_ms"),
    )
    add_notes(report, found)
    return report
