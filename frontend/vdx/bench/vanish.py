"""A person whose process is killed in mid-reply: how soon nothing of the session is left."""

import asyncio
import os
import signal
import time
from typing import Any

from vdx.bench.bench_client import meet
from vdx.bench.client_process import Plan, Step, run_person
from vdx.bench.clips import clip, preload
from vdx.bench.target import Target
from vdx.core.errors import VdxError

SPEECH = "ps_cards_002"
POLL_S = 0.005
PATIENCE_S = 10.0


async def freed_ms(target: Target) -> float:
    """Milliseconds from the death of a listening client to no session and no task of it.

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
        await run_person("vanish", plan, sounding)
    except VdxError:  # its death is what is wanted, but not before the reply
        if not sounded:
            raise
    died = time.monotonic()
    while time.monotonic() - died < PATIENCE_S:
        if not _left(before, await target.status()):
            return round((time.monotonic() - died) * 1000, 1)
        await asyncio.sleep(POLL_S)
    raise VdxError(f"still there {PATIENCE_S:g} s after its client's death", service="bench")


def _left(before: dict[str, Any], after: dict[str, Any]) -> bool:
    return any(after[what] > before[what] for what in ("sessions", "tasks"))


async def scenario(plan: Plan, step: Step) -> None:
    """Speaks, hears the answer begin, and is gone without a goodbye."""
    preload((SPEECH,), plan)
    async with meet(plan) as person:
        await person.microphone_feed.say(clip(SPEECH, person.client.rate)).finished
        if await person.reply_after(0) is not None:
            step()
            os.kill(os.getpid(), signal.SIGKILL)
