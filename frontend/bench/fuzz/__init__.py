"""Fuzzing: hostile input of every kind against a real server, which must answer it and live on."""

from frontend.bench.figures import Report
from frontend.bench.person import Step
from frontend.bench.target import Target


async def measure(
    what: str, target: Target, count: int, seed: int, step: Step | None = None
) -> Report:
    """`count` of "events", "requests" or "tensors"; the same seed sends the same ones."""
    if what == "events":
        from frontend.bench.fuzz import events

        return await events.measure(target, count, seed, step)
    if what == "requests":
        from frontend.bench.fuzz import requests

        return await requests.measure(target, count, seed, step)
    from frontend.bench.fuzz import models, tensors

    return await tensors.measure(target, await models.served(target), count, seed, step)
