"""Fuzzing: hostile input of every kind against a real server, which must answer it and live on."""

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.target import Target


async def measure(
    what: str, target: Target, count: int, seed: int, step: Step | None = None
) -> Report:
    """`count` of "events", "requests" or "tensors"; the same seed sends the same ones."""
    if what == "events":
        from vdx.bench.fuzz import events

        return await events.measure(target, count, seed, step)
    if what == "requests":
        from vdx.bench.fuzz import requests

        return await requests.measure(target, count, seed, step)
    from vdx.bench.fuzz import models, tensors

    return await tensors.measure(target, await models.served(target), count, seed, step)
