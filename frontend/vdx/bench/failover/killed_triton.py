"""One of two Tritons is killed with -9 while people listen to replies.

Each person hears the same answer three times: undisturbed, with the kill in its middle, and after
it. The voice is a tone of a length that is known to the sample.
"""

import asyncio
import os
import signal
import time
from typing import Any

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report, told
from vdx.bench.heard import longest_underrun_at, longest_underrun_ms, reply_s
from vdx.bench.scrape import status
from vdx.client.log import Reply

SPEECH = "ps_cards_002"
SOUNDING_S = 1.5
"""How long every reply sounds before the kill."""
TURN_S = 60.0
UNDERRUN_MS = 1000.0


async def measure(url: str, sessions: int, report: Report, step: Step) -> None:
    """Adds the figures of `sessions` people at the server at `url`, which runs two Tritons."""
    kills: list[asyncio.Task[None]] = []

    def kill() -> None:
        kills.append(asyncio.create_task(_kill_one(url), name="kill-a-triton"))

    plan: Plan = {"url": url, "sessions": sessions}
    users = await run_client_process("failover.killed_triton", plan, kill)
    for each in kills:
        await each
    step()
    report.add(
        "underrun of a reply while a Triton dies", "ms", told(users, "underrun_ms"), max=UNDERRUN_MS
    )
    began = [at for user in users for at in user["underrun_at_ms"]]
    if began:  # at the kill itself, or when the server is started again
        report.add("  which began so long after the kill", "ms", began)
    report.add("  of an undisturbed one", "ms", told(users, "calm_underrun_ms"))
    report.add("its length more than undisturbed", "ms", told(users, "more_ms"))
    lost = sessions - sum(user["whole"] for user in users)
    report.add("replies that do not say every word once", "", [float(lost)], max=0)
    dead = sessions - sum(user["alive"] for user in users)
    report.add("sessions without an answer afterwards", "", [float(dead)], max=0)
    report.notes += [f"server said: {text}" for user in users for text in user["errors"]][:5]


async def _kill_one(url: str) -> None:
    tritons = (await asyncio.to_thread(status, url))["tritons"]
    os.kill(tritons[0]["pid"], signal.SIGKILL)


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """What the people do; the step is the moment at which all replies sound."""
    preload((SPEECH,), plan)
    sounding = asyncio.Barrier(plan["sessions"])
    return await together(plan["sessions"], lambda number: _user(plan, number, sounding, step))


async def _user(plan: Plan, number: int, sounding: asyncio.Barrier, step: Step) -> dict[str, Any]:
    async with meet(plan, phase=number * 13) as user:
        calm = await _begun(user)
        await user.hear_out(calm, TURN_S)
        disturbed = await _begun(user)
        await asyncio.sleep(SOUNDING_S)
        if await sounding.wait() == 0:
            step()
        killed = time.monotonic()
        await user.hear_out(disturbed, TURN_S)
        after = await _begun(user)
        await user.hear_out(after, TURN_S)
    whole = disturbed is not None and calm is not None and disturbed.text == calm.text
    return {
        "underrun_ms": _underrun_ms(user, disturbed),
        "underrun_at_ms": _underrun_at_ms(user, disturbed, killed),
        "calm_underrun_ms": _underrun_ms(user, calm),
        "more_ms": round(_length_ms(user, disturbed) - _length_ms(user, calm), 1),
        "whole": whole and disturbed is not None and disturbed.status == "completed",
        "alive": after is not None and after.status == "completed",
        "errors": [error["message"] for error in user.client.log.errors],
    }


async def _begun(user: BenchClient) -> Reply | None:
    """Speaks; the reply once it sounds."""
    replies = len(user.client.log.replies)
    await user.microphone_feed.say(clip(SPEECH, user.client.rate)).finished
    return await user.reply_after(replies)


def _underrun_ms(user: BenchClient, reply: Reply | None) -> float:
    return 0.0 if reply is None else longest_underrun_ms(user.client.listener, reply.id)


def _underrun_at_ms(user: BenchClient, reply: Reply | None, killed: float) -> list[float]:
    """How long after the kill that one began; none where there was none."""
    began = longest_underrun_at(user.client.listener, reply.id) if reply else None
    return [] if began is None else [round(1000 * (began - killed), 1)]


def _length_ms(user: BenchClient, reply: Reply | None) -> float:
    return 0.0 if reply is None else 1000 * reply_s(user.client.listener, reply.id)
