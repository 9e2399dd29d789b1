"""Redis is stopped for a while and comes back: whether anybody notices, and until it is whole."""

import asyncio
import contextlib
import json
import time
from pathlib import Path
from typing import Any

from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.figures import Report, gathered
from vdx.bench.processes import comes_true, redis_part, vdx_command
from vdx.bench.scrape import fetch
from vdx.core.errors import SetupError, VdxError
from vdx.serving.ports import choose_ports

USERS = 2
WHOLE_S = 30.0
WHOLE_MS = 2000.0
TALK_BEFORE_S = 5.0


async def measure(
    folder: Path, config: dict[str, Any], outage_s: float, report: Report, step: Step
) -> None:
    """Adds the figures of people at a frontend that knows its one server by Redis alone."""
    (port,) = choose_ports("Redis", 1)
    shared = {**config, "registry": {"url": f"redis://127.0.0.1:{port}", "name": "bench"}}
    try:
        redis = redis_part(folder, port)
    except SetupError as missing:
        report.notes.append(f"Redis: not measured, {missing}")
        step()
        return
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(redis.stop)
        await redis.start()
        commands = {"announced": ("triton", "--announce"), "far": ("frontend",)}
        for name, arguments in commands.items():
            url, _ = await stack.enter_async_context(
                vdx_command(folder, name, *arguments, config=shared)
            )
        plan: Plan = {
            "url": url,
            "transport": "websocket",
            "sessions": USERS,
            "seconds": TALK_BEFORE_S + outage_s,
        }
        talking = asyncio.create_task(run_client_process("jitter", plan), name="people")
        await asyncio.sleep(TALK_BEFORE_S)
        await redis.stop()
        await asyncio.sleep(outage_s)
        await redis.start()
        back = time.monotonic()
        await _whole(url)
        report.add(
            "view whole after Redis is back", "ms", [1000 * (time.monotonic() - back)], max=WHOLE_MS
        )
        users = await talking
    silent = sum(user["silent"] + len(user["failed"]) for user in users)
    report.add("turns unanswered without Redis", "", [float(silent)], max=0)
    report.add("queue dry in replies without Redis", "ms", gathered(users, "dry_ms"))
    report.notes.append(f"{sum(user['replies'] for user in users)} replies around the outage")
    step()


async def _whole(url: str) -> None:
    """Returns once the frontend has heard of the server anew: its age is that of one beat."""

    async def is_whole() -> bool:
        return await _age_s(url) <= 1.0

    if not await comes_true(is_whole, WHOLE_S):
        raise VdxError("the view was not whole again", service="bench")


async def _age_s(url: str) -> float:
    servers = json.loads(await asyncio.to_thread(fetch, f"{url}/vdx/servers"))["servers"]
    ages = [float(each["age_seconds"]) for each in servers if each["name"] == "bench"]
    return min(ages, default=float("inf"))
