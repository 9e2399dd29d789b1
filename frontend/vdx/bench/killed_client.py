"""Kills a client during a reply: time until no task of its session is left."""

import asyncio
import os
import signal
import time
from typing import Any

from vdx.bench.bench_client import meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.target import Target
from vdx.core.errors import VdxError

SPEECH = "ps_cards_002"
POLL_S = 0.005
TIMEOUT_S = 10.0


async def freed_ms(target: Target) -> float:
    """Milliseconds from killing a client, during a reply, to no session and no task of it.

    Raises:
        VdxError: no reply sounded, or something was left after 10 s.
    """
    before = await target.status()
    sounded = False

    def sounding() -> None:
        nonlocal sounded
        sounded = True

    plan: Plan = {"url": target.url, "api_key": target.api_key}
    try:
        await run_client_process("killed_client", plan, sounding)
    except VdxError:  # the client kills itself, but not before the reply
        if not sounded:
            raise
    ended = time.monotonic()
    while time.monotonic() - ended < TIMEOUT_S:
        if not _left(before, await target.status()):
            return round((time.monotonic() - ended) * 1000, 1)
        await asyncio.sleep(POLL_S)
    raise VdxError(
        f"the session is still open {TIMEOUT_S:g} s after its client ended", service="bench"
    )


def _left(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return any(after[what] > before[what] for what in ("sessions", "tasks"))


async def run_users(plan: Plan, step: Step) -> None:
    """Speaks, hears the first audio of the reply, and kills its own process."""
    preload((SPEECH,), plan)
    async with meet(plan) as user:
        await user.microphone_feed.say(clip(SPEECH, user.client.rate)).finished
        if await user.reply_after(0) is not None:
            step()
            os.kill(os.getpid(), signal.SIGKILL)
