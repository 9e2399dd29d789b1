"""`vdx bench rooms`: what a LiveKit room adds to a turn and to a barge-in, above the WebSocket.

The turns of `turn` and the interruptions of `bargein`, over the WebSocket and in a room by turns.
In the room the client falls silent at the event of a pause, as the page does; how long one hears
the reply that does not, is told beside it.
"""

from dataclasses import replace

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.bench.ways import CONVERSATION, add_difference, add_notes, converse, values_of

ADDED_MS = 75.0


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """Each round is four turns and two interruptions over either transport."""
    ways = {"WebSocket": replace(target, livekit=False), "room": target}
    found = await converse(ways, ("room",), rounds, step)
    report = Report("rooms", {"rounds": rounds}, samples=[*found["WebSocket"], *found["room"]])
    for measured in CONVERSATION:
        add_difference(report, found, measured, "the room", median=ADDED_MS)
    played_on = values_of(found["room"], CONVERSATION[1], "came_ms")
    report.add("onset to silence, room, of a client that plays all that comes", "ms", played_on)
    add_notes(report, found)
    return report
