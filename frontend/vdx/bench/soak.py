"""`vdx bench soak`: conversations for an hour or a night; does anything grow, or get slower?

People talk, interrupt, change the voice, are silent and leave (`soak_users.py`). Every few seconds
memory, open files and tasks are read. After a warm-up that loads every voice, and again at the end,
the server is left alone and what it holds then is compared.
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from typing import Any

from vdx.bench.client_process import Step, run_client_process
from vdx.bench.figures import Report
from vdx.bench.procfs import descriptors, own_kb
from vdx.bench.scrape import fetch
from vdx.bench.soak_verdict import Moment, add_growth, add_latency, verdict
from vdx.bench.target import Target
from vdx.core.errors import VdxError

EVERY_S = 5.0
WARM_UP_S = 20.0
SETTLE_S = 5.0
OTHER_VOICE = "espeak-en"
READY = "READY"
ACTIVE = "vdx_active_streams"
MAX_ERRORS = 5
COUNTED = ("conversations", "failed", "unanswered", "interrupted", "swaps", "left")


async def measure(
    target: Target, sessions: int, minutes: float, step: Step | None = None
) -> Report:
    """`sessions` people for `minutes`.

    Raises:
        VdxError: the server's process is not known, so that nothing of it can be read.
    """
    if target.pid is None:
        raise VdxError("the server's process is not known; give --server-pid", service="bench")
    voices = await voices_of(target)
    plan = target.plan(sessions=sessions, voices=voices)
    await run_client_process("soak_users", plan | {"seconds": WARM_UP_S})
    await asyncio.sleep(SETTLE_S)
    before = await _moment(target, target.pid, time.monotonic())
    moments: list[Moment] = []
    watching = asyncio.create_task(_watch(target, target.pid, moments), name="soak-watch")
    try:
        users = await run_client_process("soak_users", plan | {"seconds": minutes * 60}, step)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    await asyncio.sleep(SETTLE_S)
    after = await _moment(target, target.pid, time.monotonic())
    report = Report("soak", {"sessions": sessions, "minutes": minutes, "voices": voices})
    add_growth(report, moments, minutes)
    turns = [(at, gap) for user in users for at, gap in user["turns"]]
    add_latency(report, turns, minutes)
    await _add_leftovers(report, target, before, after)
    _add_notes(report, users, len(turns))
    report.samples += [{"moments": [list(each) for each in moments], "turns": turns}]
    report.notes.append(verdict(report, minutes))
    return report


async def voices_of(target: Target) -> list[str]:
    """The server's voice, and the other one where it is loaded: who asks for it is refused else."""
    own = str((await target.status())["voice"])
    told = await asyncio.to_thread(fetch, f"{target.url}/v1/models", target.api_key)
    loaded = {each["id"] for each in json.loads(told)["data"] if each["vdx"].get("state") == READY}
    return list(dict.fromkeys([own, *({OTHER_VOICE} & loaded)]))


async def _watch(target: Target, pid: int, moments: list[Moment]) -> None:
    began = time.monotonic()
    while True:
        # One that is not read is missed by the verdict where its whole window is.
        with contextlib.suppress(VdxError):
            moments.append(await _moment(target, pid, began))
        await asyncio.sleep(EVERY_S)


async def _moment(target: Target, pid: int, began: float) -> Moment:
    status = await target.status()
    memory, handles = await asyncio.to_thread(lambda: (own_kb(pid), descriptors(pid)))
    at = round(time.monotonic() - began, 1)
    return Moment(at, memory, handles, status.get("tasks", 0), status["sessions"])


async def _add_leftovers(report: Report, target: Target, before: Moment, after: Moment) -> None:
    grown = (after.memory_kb - before.memory_kb) / 1024
    report.add("memory, idle after the run less before it", "MB", [round(grown, 1)])
    for name in ("handles", "tasks", "sessions"):
        left = getattr(after, name) - getattr(before, name)
        report.add(f"{name} left", "", [left], max=0)
    if target.triton_metrics:
        streams = (await target.triton()).total(ACTIVE)
        report.add("streams and sequences left in Triton", "", [streams], max=0)


def _add_notes(report: Report, users: list[dict[str, Any]], turns: int) -> None:
    total = {name: sum(user[name] for user in users) for name in COUNTED}
    report.add("answers", "", [turns], min=1)
    report.add("turns without an answer", "", [total["unanswered"]], max=0)
    report.add("conversations that broke off", "", [total["failed"]], max=0)
    report.notes.append(
        f"{total['conversations']} conversations with {turns} answers: {total['interrupted']} "
        f"interrupted, {total['left']} left in the middle, {total['swaps']} changes of voice"
    )
    errors = Counter(message for user in users for message in user["errors"])
    report.notes += [f"{n} x error: {text}" for text, n in errors.most_common(MAX_ERRORS)]
