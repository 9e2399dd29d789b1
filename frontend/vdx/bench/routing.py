"""How long a route takes to be decided, over as many servers and models as a large host has."""

import random
import time
from collections.abc import Callable

from vdx.bench.figures import Report
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.view import View
from vdx.serving.routing import RouteRequest, route

SERVERS, MODELS = 50, 200
RESIDENT = 0.1
"""Of the models on each server."""
SEED = 18


def large_view(servers: int = SERVERS, models: int = MODELS) -> View:
    """A view in which every server has every model, a tenth of them loaded."""
    chance = random.Random(SEED)  # noqa: S311  # nosec B311  (the same view each time)

    def model() -> dict[str, object]:
        return {
            "kind": "tts",
            "state": "resident" if chance.random() < RESIDENT else "absent",
            "capabilities": {"languages": ["en", "de"], "sample_rates": [48_000]},
            "metrics": {
                "queue_depth": chance.randrange(4),
                "p50_first_audio_ms": chance.uniform(20, 200),
                "leases": chance.randrange(8),
            },
        }

    return View.of(
        ServerEntry.model_validate(
            {
                "name": f"gpu{number}@host",
                "addr": f"host{number}:8001",
                "models": {f"voice-{each}": model() for each in range(models)},
            }
        )
        for number in range(servers)
    )


async def measure(count: int, step: Callable[[], None]) -> Report:
    """Times `count` routes, every other for a wanted that names no model."""
    view = large_view()
    named: list[float] = []
    any_voice: list[float] = []
    for number in range(count):
        model = f"voice-{number % MODELS}" if number % 2 else ""
        wanted = RouteRequest("tts", model, "en", sample_rate=48_000, fallback="voice-0")
        began = time.perf_counter()
        route(wanted, view)
        (named if model else any_voice).append(1000 * (time.perf_counter() - began))
        step()
    report = Report("manager", {"servers": SERVERS, "models": MODELS, "rounds": count})
    report.add("route, a named voice", "ms", named, p95=1.0)
    report.add("route, any voice of a language", "ms", any_voice, p95=1.0)
    return report
