"""`vdx bench observed`: what traces and JSON logs cost, in processor time and in waiting."""

from collections.abc import Mapping
from typing import Any

from vdx.bench.by_turns import Way, add_ways, added_ms, converse, spread_ms
from vdx.bench.client_process import Step
from vdx.bench.collector import collector
from vdx.bench.figures import Report
from vdx.bench.target import TargetOptions, target

MORE_CPU, LATER_MS = 3.0, 5.0
"""Per cent, and milliseconds of the median gap, that observing may cost."""
PLAIN, OBSERVED = "without", "traces and JSON logs"


async def measure(
    config: Mapping[str, Any], rounds: int, sessions: int, level: str, step: Step | None = None
) -> Report:
    """Two servers of this configuration, one of which sends a trace of each turn and logs JSON."""
    options = {"rounds": rounds, "sessions": sessions, "level": level}
    report = Report("observed", options)
    ways = {PLAIN: Way(), OBSERVED: Way()}
    async with collector() as sink:
        seen = {
            **config,
            "tracing": {"endpoint": sink.url},
            "log": {"format": "json", "level": level},
        }
        async with (
            target(TargetOptions(config=config)) as without,
            target(TargetOptions(config=seen)) as observed,
        ):
            pairs = [(PLAIN, without), (OBSERVED, observed)]
            for number in range(rounds):
                for name, server in pairs if number % 2 else reversed(pairs):
                    await converse(ways[name], server, sessions, step)
        report.notes.append(f"{sink.requests} requests with {sink.size / 1e3:.0f} kB of spans")
        report.add("requests of spans", "", [sink.requests], min=1)
    add_ways(report, ways)
    _add_cost(report, ways)
    return report


def _add_cost(report: Report, ways: Mapping[str, Way]) -> None:
    plain, observed = ways[PLAIN], ways[OBSERVED]
    more = [round(100 * (observed.cpu / plain.cpu - 1), 2)] if plain.cpu else []
    report.add("CPU more", "%", more, max=MORE_CPU)
    for percent, name, reach in ((50, "median", {"max": LATER_MS}), (95, "p95", {})):
        values = added_ms(plain.gaps, observed.gaps, percent)
        report.add(f"{name} of the gap later", "ms", values, **reach)
    report.notes.append(f"gaps lie {spread_ms(plain.gaps):g} ms around their median (median)")
