"""`vdx bench refused`: people talk while somebody tries wrong keys, and while nobody does."""

from vdx.bench.by_turns import Way, add_ways, added_ms, converse
from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.flood import flood
from vdx.bench.target import Target
from vdx.core.audio import FRAME_MS

PER_SECOND = 300
LATER_MS = 20.0
REACHED = 0.95
"""Share of the requests that have to be answered."""
PLAIN, FLOODED = "nobody else", "wrong keys"


async def measure(target: Target, rounds: int, sessions: int, step: Step | None = None) -> Report:
    """A round is four turns of each person, without and with the wrong keys."""
    options = {"rounds": rounds, "sessions": sessions, "per_second": PER_SECOND}
    report = Report("refused", options)
    ways = {PLAIN: Way(), FLOODED: Way()}
    rates: list[float] = []
    statuses: dict[str, float] = {}
    for number in range(rounds):
        for name in (PLAIN, FLOODED) if number % 2 else (FLOODED, PLAIN):
            if name == PLAIN:
                await converse(ways[name], target, sessions, step)
                continue
            async with flood(target.url, PER_SECOND) as told:
                await converse(ways[name], target, sessions, step)
            rates.append(round(told.pop("per_second", 0.0), 1))
            statuses |= {code: statuses.get(code, 0) + count for code, count in told.items()}
    report.add("wrong keys answered a second", "", rates, min=REACHED * PER_SECOND)
    add_ways(report, ways)
    plain, flooded = ways[PLAIN], ways[FLOODED]
    for percent, name in ((50, "median"), (95, "p95")):
        values = added_ms(plain.gaps, flooded.gaps, percent)
        report.add(f"{name} of the gap later", "ms", values, max=LATER_MS)
    underruns = sum(turn["dry_ms"] >= FRAME_MS for turn in flooded.turns)
    report.add("replies with an underrun beside wrong keys", "", [underruns], max=0)
    report.notes.append(f"an underrun: {FRAME_MS} ms or more in which there was nothing to play")
    counted = ", ".join(f"{code}: {count:.0f}" for code, count in sorted(statuses.items()))
    report.notes.append(f"answers to wrong keys by status: {counted or 'none'}")
    return report
