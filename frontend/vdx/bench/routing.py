"""How long a route takes to be decided, over as many servers and models as a large host has."""

import random
import time

from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.view import View
from vdx.serving.routing import Wish, route

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


def measure(count: int) -> list[float]:
    """Milliseconds of each of `count` routes, every other for a wish without a named model."""
    view, times = large_view(), []
    for number in range(count):
        named = f"voice-{number % MODELS}" if number % 2 else ""
        wish = Wish("tts", named, "en", sample_rate=48_000, fallback="voice-0")
        began = time.perf_counter()
        route(wish, view)
        times.append(1000 * (time.perf_counter() - began))
    return times
