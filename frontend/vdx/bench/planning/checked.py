"""`vdx bench plan`: what is predicted for this machine, beside what is measured."""

import os
from collections.abc import Sequence

from vdx.bench import turn
from vdx.bench.client_process import Step
from vdx.bench.clips import TURN_CLIPS
from vdx.bench.figures import Report, told
from vdx.bench.planning.calls import Machine, simulate
from vdx.bench.planning.costs import Costs
from vdx.bench.target import Target
from vdx.core.errors import VdxError

LIGHT = (4, 8, 16)
DEFAULT = (2, 4)
"""People at once, with the light and with the default models, on two cores."""
OFF_BY = 20.0
"""Per cent that a predicted p95 may differ from the measured one."""
TURNS = 4000
CLIPS = len(TURN_CLIPS)


async def measure(
    target: Target, counts: Sequence[int], rounds: int, step: Step | None = None
) -> Report:
    """One person's turns are what the simulation is fed with; then so many users talk at once.

    Raises:
        VdxError: no turn of so many users was answered.
    """
    alone = (await turn.measure(target, rounds, 1, step)).as_dict()
    costs = Costs.of(alone, "what one person's turns cost")
    machine = Machine(os.cpu_count() or 1, users_here=True)
    report = Report("plan", {"counts": list(counts), "rounds": rounds, "voice": costs.voice})
    report.options["recogniser"] = costs.recogniser
    report.add("one person: end of speech to first audio", "ms", told(alone["samples"], "gap_ms"))
    for users in counts:
        found = (await turn.measure(target, _rounds(rounds, users), users, step)).as_dict()
        gaps = told(found["samples"], "gap_ms")
        if not gaps:
            raise VdxError(f"no turn of {users} users was answered", service="bench")
        predicted = simulate(costs, machine, users, TURNS)
        report.add(f"{users} users: measured", "ms", gaps)
        report.add(f"{users} users: predicted", "ms", predicted.gaps)
        compare(report, users, predicted.gap(95))
        busy = 100 * predicted.busy
        report.notes.append(f"{users} users: {busy:.0f} % of the cores, {len(gaps)} turns measured")
    report.samples.append({"costs": alone})
    return report


def compare(report: Report, users: int, predicted: float) -> None:
    """Adds how far a predicted p95 is from that of the figure before the last."""
    measured = report.figures[-2].summary()["p95"]
    off = [round(100 * abs(predicted - measured) / measured, 1)] if measured > 0 else []
    full = predicted == float("inf")
    report.add(f"{users} users: predicted p95 is off by", "%", [] if full else off, max=OFF_BY)
    if full:
        report.notes.append(f"{users} users: predicted that the machine cannot keep up")
    elif not off:
        report.notes.append(f"{users} users: measured a p95 of {measured:g} ms, no share of it")


def _rounds(rounds: int, users: int) -> int:
    """Enough for a p95, no more: many users have many turns in one round."""
    return max(1, round(2 * rounds / users))


def turns(counts: Sequence[int], rounds: int) -> int:
    """Of the whole bench, for its bar."""
    return CLIPS * (rounds + sum(users * _rounds(rounds, users) for users in counts))
