"""A frontend that shares a manager is killed with -9: how long until its leases are free."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from vdx.bench.client_process import Step
from vdx.bench.figures import Report
from vdx.bench.processes import comes_true, vdx_command
from vdx.bench.scrape import fetch, status
from vdx.client.realtime import RealtimeClient
from vdx.core.errors import VdxError

LEASES = 100
TAKEN_S = 30.0
FREED_S = 60.0
POLL_S = 0.005
"""The kill follows the last lease, and the end is seen, so much later: part of what is measured."""


async def measure(
    manager: str, folder: Path, config: dict[str, Any], report: Report, step: Step
) -> None:
    """Adds the figure of a frontend with LEASES leases at the manager at an address."""
    triton = (await asyncio.to_thread(status, manager))["triton_grpc"]
    before = await _leases(manager)
    arguments = ("frontend", "--manager", manager, "--triton-url", triton)
    async with (
        vdx_command(folder, "frontend", *arguments, config=config) as (url, process),
        AsyncExitStack() as sessions,
    ):
        for _ in range(LEASES // 2):  # each leases a voice and a recogniser
            await sessions.enter_async_context(RealtimeClient.connect(url))
        await _until(manager, lambda now: now >= before + LEASES, TAKEN_S)
        process.kill()
        killed = time.monotonic()
        await process.wait()
        freed_ms = 1000 * (await _until(manager, lambda now: now <= before, FREED_S) - killed)
    expiry_ms = float(config.get("model_manager", {}).get("lease_expiry_ms", 15_000))
    report.add(
        f"frontend with {LEASES} leases killed, to all freed", "ms", [freed_ms], max=expiry_ms
    )
    step()


async def _leases(manager: str) -> int:
    text = await asyncio.to_thread(fetch, f"{manager}/vdx/models")
    return sum(model.get("leases", 0) for model in json.loads(text)["models"])


async def _until(manager: str, holds: Callable[[int], bool], seconds: float) -> float:
    """When it was asked that holds: between the last answer that does not and the first that does.

    In seconds of `time.monotonic`.
    """
    asked = time.monotonic()

    async def is_so() -> bool:
        nonlocal asked
        asked = time.monotonic()
        return holds(await _leases(manager))

    if not await comes_true(is_so, seconds, poll_s=POLL_S):
        left = await _leases(manager)
        raise VdxError(f"{left} leases after {seconds:g} s", service="bench")
    return asked
