"""Two ways of the same conversations, one after the other over and over, and what differs.

What the machine does beside meets both alike, and who begins changes from round to round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from vdx.bench.client_process import Step, run_client_process
from vdx.bench.figures import Report, told
from vdx.bench.procfs import usage
from vdx.bench.target import Target
from vdx.core.errors import VdxError


@dataclass(slots=True)
class Way:
    """What was measured one way; `cpu` are seconds of the server and of all it has started."""

    turns: list[dict[str, Any]] = field(default_factory=list)
    cpu: float = 0.0

    @property
    def gaps(self) -> list[float]:
        return told(self.turns, "gap_ms")


async def converse(way: Way, target: Target, sessions: int, step: Step | None) -> None:
    """So many people at once, four turns each.

    Raises:
        VdxError: the server's process is not known.
    """
    if target.pid is None:
        raise VdxError("the server's process is not known; give --server-pid", service="bench")
    before = usage(target.pid).cpu_seconds
    way.turns += await run_client_process("turn", target.plan(rounds=1, sessions=sessions), step)
    way.cpu += usage(target.pid).cpu_seconds - before


def add_ways(report: Report, ways: Mapping[str, Way]) -> None:
    """The gap, the silences within replies and the processor time of each."""
    for name, way in ways.items():
        report.add(f"{name}: end of speech to first audio", "ms", way.gaps)
        report.add(f"  {name}: queue dry in each reply", "ms", [t["dry_ms"] for t in way.turns])
        each = round(way.cpu / max(1, len(way.turns)), 4)
        report.add(f"  {name}: CPU per turn", "s", [each])
        silent = len(way.turns) - len(way.gaps)
        report.add(f"  {name}: turns without an answer", "", [silent], max=0)


def added_ms(plain: Sequence[float], other: Sequence[float], percent: float) -> list[float]:
    """How much later a percentile is; empty where one of the two has no turns."""
    if not plain or not other:
        return []
    more = float(np.percentile(other, percent)) - float(np.percentile(plain, percent))
    return [round(more, 1)]


def spread_ms(gaps: Sequence[float]) -> float:
    """Half of what the middle half of the gaps differs by: what chance alone moves a median by is
    less than that over the root of their number."""
    if not gaps:
        return 0.0
    middle = median(gaps)
    return round(float(median(abs(gap - middle) for gap in gaps)), 1)
