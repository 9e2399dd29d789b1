"""Voices are swapped for all while people talk: what they hear of it, over two Tritons.

The voices are of two families, and resident on both servers. What is heard is measured as in
`vdx bench jitter`; the answers are five seconds long, so most swaps come in the middle of one.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import httpx2

from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.failover.processes import vdx_command
from vdx.bench.figures import Report
from vdx.bench.scrape import fetch, parse
from vdx.bench.target import profile

VOICES = ("tone", "espeak-en")
EVERY_S = 0.25
HOLE_MS = 40.0
CORE = 0.002
SETTLE_S = 5.0
ROUTING = "vdx_routing_seconds_total"


async def measure(sessions: int, swaps: int, step: Step) -> Report:
    """`sessions` people talk while the voice of all is swapped `swaps` times."""
    config = {
        **profile(VOICES[0], "canned", "load.yaml"),
        "endpointing": {"model": "none"},
        "embedded": {"tritons": 2},
        "model_manager": {"preload_model_ids": [VOICES[1]]},
    }
    report = Report("manager", {"sessions": sessions, "swaps": swaps})
    seconds = SETTLE_S + swaps * EVERY_S
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as name:
        up = vdx_command(Path(name), "up", "up", "--no-proof", config=config)
        async with up as (url, _), httpx2.AsyncClient(base_url=url, timeout=30) as client:
            plan: Plan = {
                "url": url,
                "transport": "websocket",
                "sessions": sessions,
                "seconds": seconds,
            }
            talking = asyncio.create_task(run_client_process("jitter", plan), name="people")
            await asyncio.sleep(SETTLE_S)
            took = []
            for number in range(swaps):
                took.append(await _swap(client, VOICES[(number + 1) % 2]))
                step()
            users = await talking
            spent = parse(await asyncio.to_thread(fetch, f"{url}/metrics")).total(ROUTING)
    dry = [value for user in users for value in user["dry_ms"]]
    lost = sum(user["silent"] + len(user["failed"]) for user in users)
    open_s = sum(user["open_s"] for user in users)
    report.add("queue dry in each reply, voices swapped", "ms", dry, max=HOLE_MS)
    report.add("turns without a whole reply", "", [float(lost)], max=0)
    report.add("a swap for all", "ms", took)
    report.add("routes and leases of a session-second", "core", [spent / open_s], max=CORE)
    return report


async def _swap(client: httpx2.AsyncClient, voice: str) -> float:
    """Has everybody use a voice, EVERY_S after the last swap; how long that took, milliseconds."""
    began = time.monotonic()
    (await client.post(f"/vdx/models/{voice}/use")).raise_for_status()
    took = time.monotonic() - began
    await asyncio.sleep(max(0.0, EVERY_S - took))
    return 1000 * took
