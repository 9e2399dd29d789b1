"""One of two Tritons is killed with -9 while people listen to replies.

Each person hears the same answer three times: undisturbed, with the kill in its middle, and after
it. The voice is a tone of a length that is known to the sample.
"""

import asyncio
import contextlib
import os
import signal
import time
from typing import Any

from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report
from vdx.bench.scrape import status
from vdx.client.log import Reply

SPEECH = "ps_cards_002"
SOUNDING_S = 1.5
"""How long every reply sounds before the kill."""
TURN_S = 60.0
HOLE_MS = 1000.0


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
    report.add("hole of a reply while a Triton dies", "ms", _all(users, "hole_ms"), max=HOLE_MS)
    began = [at for user in users for at in user["hole_at_ms"]]
    if began:  # at the kill itself, or when the server is started again
        report.add("  which began so long after the kill", "ms", began)
    report.add("  of an undisturbed one", "ms", _all(users, "calm_hole_ms"))
    report.add("its length more than undisturbed", "ms", _all(users, "more_ms"))
    lost = sessions - sum(user["whole"] for user in users)
    report.add("replies that do not say every word once", "", [float(lost)], max=0)
    dead = sessions - sum(user["alive"] for user in users)
    report.add("sessions without an answer afterwards", "", [float(dead)], max=0)
    report.notes += [f"server said: {text}" for user in users for text in user["errors"]][:5]


def _all(users: list[dict[str, Any]], key: str) -> list[float]:
    return [user[key] for user in users]


async def _kill_one(url: str) -> None:
    tritons = (await asyncio.to_thread(status, url))["tritons"]
    os.kill(tritons[0]["pid"], signal.SIGKILL)


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """What the people do; the step is the moment at which all replies sound."""
    preload((SPEECH,), plan)
    sounding = asyncio.Barrier(plan["sessions"])
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_user(plan, number, sounding, step), name=f"user-{number}")
            for number in range(plan["sessions"])
        ]
    return [task.result() for task in tasks]


async def _user(plan: Plan, number: int, sounding: asyncio.Barrier, step: Step) -> dict[str, Any]:
    async with meet(plan, phase=number * 13) as user:
        calm = await _begun(user)
        await _over(user, calm)
        disturbed = await _begun(user)
        await asyncio.sleep(SOUNDING_S)
        if await sounding.wait() == 0:
            step()
        killed = time.monotonic()
        await _over(user, disturbed)
        after = await _begun(user)
        await _over(user, after)
    whole = disturbed is not None and calm is not None and disturbed.text == calm.text
    return {
        "hole_ms": _hole_ms(user, disturbed),
        "hole_at_ms": _hole_at_ms(user, disturbed, killed),
        "calm_hole_ms": _hole_ms(user, calm),
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


async def _over(user: BenchClient, reply: Reply | None) -> None:
    if reply is not None:
        with contextlib.suppress(TimeoutError):
            await user.client.wait_for(lambda: bool(reply.done), TURN_S)
    await user.quiet(0.1)


def _hole_ms(user: BenchClient, reply: Reply | None) -> float:
    """The longest unintended silence in a reply."""
    gaps = [each.seconds for each in user.client.listener.underruns if _is_of(each, reply)]
    return round(1000 * max(gaps, default=0.0), 1)


def _hole_at_ms(user: BenchClient, reply: Reply | None, killed: float) -> list[float]:
    """How long after the kill that one began; none where there was none."""
    gaps = [each for each in user.client.listener.underruns if _is_of(each, reply)]
    longest = max(gaps, key=lambda gap: gap.seconds, default=None)
    return [] if longest is None else [round(1000 * (longest.at - killed), 1)]


def _length_ms(user: BenchClient, reply: Reply | None) -> float:
    listener = user.client.listener
    samples = sum(each.pcm.size for each in listener.pieces if _is_of(each, reply))
    return float(1000 * samples / listener.rate)


def _is_of(piece: Any, reply: Reply | None) -> bool:
    return reply is not None and piece.response == reply.id
