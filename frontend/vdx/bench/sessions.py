"""`vdx bench sessions`: what a session costs: to open, in CPU, in memory, and after 500 of them."""

import asyncio
import subprocess
import sys
from typing import Any

from vdx.bench import jitter
from vdx.bench.bench_client import meet
from vdx.bench.churn import Churn
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report
from vdx.bench.killed_client import freed_ms
from vdx.bench.procfs import own_kb, pss_kb
from vdx.bench.target import Target
from vdx.client.room import RoomClient
from vdx.core.errors import VdxError

FIRST, MORE = 5, 15
SPEECH = "ps_cards_002"
ROOMS = (2, 6)
GREETING = "Good morning."
GREETING_REACH = {"median": 700.0, "p95": 1000.0}
READY = {"median": 10.0}
MB, MB_IN_ROOM = 3.0, 12.0
STAGE_S = 2.0
SERVER_MODULE = "vdx.transports.http.server"
IMPORTS = 5
DEATHS = 5


async def measure(target: Target, connects: int, step: Step | None = None) -> Report:
    """Connections, import time, memory of the sessions after the first five, killed clients."""
    first, more = ROOMS if target.livekit else (FIRST, MORE)
    plan = target.plan(connects=connects, first=first, more=more)
    if target.livekit:
        plan["agent"] = {"greeting": GREETING}
    options = {"connects": connects, "first": first, "more": more, "transport": plan["transport"]}
    report = Report("sessions", options)
    report.add("import of the server module", "ms", import_ms(), median=1000)
    pss: list[int] = []
    own: list[int] = []

    def sample() -> None:
        if target.pid:
            pss.append(pss_kb(target.pid))
            own.append(own_kb(target.pid))
        if step is not None:
            step()

    found = await run_client_process("sessions", plan, sample)
    if target.livekit:
        report.add("dispatch to greeting heard", "ms", found["greeting_ms"], **GREETING_REACH)
    report.add("connect to ready", "ms", found["ready_ms"], **({} if target.livekit else READY))
    if len(pss) >= 3:
        report.add("PSS before the first session", "MB", [pss[0] / 1024])
        report.add("PSS per session, the first", "MB", [(pss[1] - pss[0]) / first / 1024])
        reach = MB_IN_ROOM if target.livekit else MB
        each = (pss[2] - pss[1]) / more / 1024
        report.add("PSS per open session after the first", "MB", [round(each, 3)], max=reach)
        each = (own[2] - own[1]) / more / 1024
        report.add("  of which no file's (libraries)", "MB", [round(each, 3)], max=reach)
    if not target.livekit:
        freed = [await freed_ms(target) for _ in range(DEATHS)]
        report.add("client killed in mid-reply to everything freed", "ms", freed, max=1000)
    return report


async def measure_cost(
    target: Target, sessions: int, seconds: float, step: Step | None = None
) -> Report:
    """CPU per session during the load of `bench jitter`."""
    report = await jitter.measure(target, sessions, seconds, step)
    report.bench = "sessions"
    return report


async def measure_churn(
    target: Target, count: int, parallel: int, step: Step | None = None
) -> Report:
    """Opens and closes `count` sessions, each with one turn, and counts what is left of them."""
    if target.pid is None:
        raise VdxError("the server's process is not known; give --server-pid", service="bench")
    return await Churn(target, target.pid, count, parallel).measure(step)


async def run_users(plan: Plan, step: Step) -> dict[str, Any]:
    """Connects one after the other; then five sessions stay open, then twenty."""
    preload((SPEECH,), plan)
    ready: list[float] = []
    greetings: list[float] = []
    for _ in range(plan["connects"]):
        async with meet(plan) as user:
            ready.append(round(user.client.ready_ms, 2))
            if isinstance(user.client, RoomClient):
                greetings.append(await _greeting_ms(user.client))
        await asyncio.sleep(0.05)
    await asyncio.sleep(STAGE_S)
    step()
    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for count in (plan["first"], plan["more"]):
            done = [asyncio.Event() for _ in range(count)]
            for number, event in enumerate(done):
                group.create_task(_idle_session(plan, number, event, over), name=f"user-{number}")
            for event in done:
                await event.wait()
            await asyncio.sleep(STAGE_S)
            step()
            await asyncio.sleep(STAGE_S)
        over.set()
    return {"ready_ms": ready, "greeting_ms": greetings}


async def _greeting_ms(client: RoomClient) -> float:
    """From joining, which dispatches the agent, to its first sound."""
    await client.wait_for(lambda: client.listener.first_loud_after(client.joining) is not None)
    heard = client.listener.first_loud_after(client.joining) or client.joining
    return round((heard - client.joining) * 1000, 1)


async def _idle_session(plan: Plan, number: int, done: asyncio.Event, over: asyncio.Event) -> None:
    """One turn, then a connected session that stays silent until the end."""
    await asyncio.sleep(number * 0.2)
    async with meet(plan, phase=number * 13) as user:
        await user.microphone_feed.say(clip(SPEECH, user.client.rate)).finished
        await user.reply_after(0)
        await user.quiet(0.2)
        done.set()
        await over.wait()


def import_ms() -> list[float]:
    """Wall time of importing the server in fresh interpreters, the interpreter's start excluded."""
    code = (
        "import time; t = time.perf_counter(); "
        f"import {SERVER_MODULE}; print((time.perf_counter() - t) * 1000)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(IMPORTS)
    ]
    return [round(float(run.stdout), 1) for run in runs]
