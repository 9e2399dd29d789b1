"""How many machines: calls on one machine from few to full, where it bends, and what it costs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from vdx.bench.planning.calls import Machine, Outcome, demand, simulate
from vdx.bench.planning.costs import Costs
from vdx.core.errors import InvalidInput

STEPS: Final = 20
"""Numbers of calls that are tried between none and a full machine."""
TURNS: Final = 1000
DRY: Final = 0.01
"""Share of the replies that may run out of audio."""
LOOP: Final = 0.7
"""Share of one core that a frontend's event loop may take: beyond it frames come late."""


@dataclass(frozen=True, slots=True)
class Prices:
    """An hour of a machine without GPUs, and of one GPU; in any currency."""

    machine: float = 0.0
    gpu: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number of calls needs."""

    calls: int
    outcomes: Sequence[Outcome]
    knee: int
    each: int
    """Calls that one machine holds."""
    limit: str
    """What keeps it from holding more."""
    frontends: int
    """Processes of the frontend on each machine."""
    machines: int
    """The spare ones included."""
    gpus: int
    cost_hour: float
    cost_call_minute: float
    """Of all machines, the spare ones too, where so many calls are under way."""


def make_plan(
    costs: Costs,
    machine: Machine,
    calls: int,
    *,
    p95_ms: float | None = None,
    spare: int = 1,
    prices: Prices = Prices(),
    step: Callable[[], None] | None = None,
) -> Plan:
    """A machine holds as many calls as the knee says, fewer where people would wait longer than
    `p95_ms` or replies would run out of audio.

    Raises:
        InvalidInput: a machine holds not even one call.
    """
    outcomes = [
        _tried(costs, machine, number, step) for number in numbers(_fullest(costs, machine))
    ]
    knee = knee_of(outcomes)
    each, limit = knee, "the knee"
    for outcome in outcomes:
        if outcome.calls > knee:
            break
        if p95_ms is not None and outcome.gap(95) > p95_ms:
            each, limit = _before(outcomes, outcome), f"a p95 of {p95_ms:g} ms"
            break
        if outcome.dry_share > DRY:
            each, limit = _before(outcomes, outcome), "replies that run out of audio"
            break
    if not each:
        raise InvalidInput(f"one machine holds no call within {limit}", param="cores")
    machines = math.ceil(calls / each) + spare
    hour = machines * (prices.machine + machine.gpus * prices.gpu)
    loop = costs.cpu["frontend"] / (costs.wall + machine.pause_s)
    return Plan(
        calls=calls,
        outcomes=outcomes,
        knee=knee,
        each=each,
        limit=limit,
        frontends=max(1, math.ceil(each * loop / LOOP)),
        machines=machines,
        gpus=machines * machine.gpus,
        cost_hour=hour,
        cost_call_minute=hour / 60 / calls,
    )


def numbers(fullest: int) -> list[int]:
    """One call, and steps of a twentieth up to a full machine."""
    return sorted({1, *(max(1, round(fullest * k / STEPS)) for k in range(1, STEPS + 1))})


def knee_of(outcomes: Sequence[Outcome]) -> int:
    """The calls at which calls over p95 is highest; 0 where not even one is held.

    Kleinrock's power (Power and deterministic rules of thumb, ICC 1979): beyond it waiting grows
    faster than what is served.
    """
    held = [each for each in outcomes if each.gaps]
    return max(held, key=_power).calls if held else 0


def _power(outcome: Outcome) -> tuple[float, int]:
    """Of those that nobody waits for at all, more calls are better."""
    waited = outcome.gap(95)
    return (outcome.calls / waited if waited else math.inf), outcome.calls


def _fullest(costs: Costs, machine: Machine) -> int:
    """Calls whose work alone would keep the machine busy all the time."""
    cores, gpus = demand(costs, machine)
    most = (machine.cores - costs.idle) / cores
    if machine.gpus and gpus:
        most = min(most, machine.gpus / gpus)
    return max(1, math.floor(most))


def _tried(costs: Costs, machine: Machine, calls: int, step: Callable[[], None] | None) -> Outcome:
    outcome = simulate(costs, machine, calls, max(TURNS, 4 * calls))
    if step is not None:
        step()
    return outcome


def _before(outcomes: Sequence[Outcome], missed: Outcome) -> int:
    return max((each.calls for each in outcomes if each.calls < missed.calls), default=0)
