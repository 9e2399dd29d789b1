"""The parts of `vdx bench failover`, one after the other, on servers of its own."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from vdx.bench.client_process import Step
from vdx.bench.failover import killed_frontend, killed_triton, redis_outage
from vdx.bench.figures import Report
from vdx.bench.processes import vdx_command
from vdx.bench.target import profile

RECOGNISER = "canned"
PARTS = ("triton", "frontend", "redis")


def server_config(voice: str) -> dict[str, Any]:
    """A voice that answers with fourteen seconds, and a recogniser that costs nothing."""
    return {**profile(voice, RECOGNISER, "failover.yaml"), "endpointing": {"model": "none"}}


async def measure(
    parts: Collection[str], sessions: int, outage_s: float, voice: str, step: Step
) -> Report:
    """`parts` of PARTS: a Triton dies under `sessions` people; a frontend dies; Redis is away."""
    options = {"sessions": sessions, "outage_s": outage_s, "voice": voice}
    report = Report("failover", options)
    config = server_config(voice)
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as name:
        folder = Path(name)
        if {"triton", "frontend"} & set(parts):
            two = {**config, "embedded": {"tritons": 2}}
            async with vdx_command(folder, "up", "up", "--no-proof", config=two) as (url, _):
                if "triton" in parts:
                    await killed_triton.measure(url, sessions, report, step)
                if "frontend" in parts:
                    await killed_frontend.measure(url, folder, config, report, step)
        if "redis" in parts:
            await redis_outage.measure(folder, config, outage_s, report, step)
    return report
