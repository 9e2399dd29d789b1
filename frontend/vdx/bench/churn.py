"""Opens and closes many sessions: memory must not grow, and no task or stream may be left."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vdx.bench.bench_client import meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report
from vdx.bench.procfs import own_kb
from vdx.bench.target import Target

SPEECH = "ps_cards_002"
WINDOW = 5
"""Samples of memory whose median stands for one moment: a garbage collection moves it by MBs."""
SETTLE_S = 3.0
ACTIVE = "vdx_active_streams"


@dataclass(slots=True)
class Churn:
    """`count` sessions, `parallel` at a time, each with one turn."""

    target: Target
    pid: int
    count: int
    parallel: int
    memory: list[int] = field(default_factory=list)
    _seen: int = 0

    async def measure(self, step: Step | None) -> Report:
        before = await self.target.status()

        def watch() -> None:
            self._seen += 1
            if self._seen % max(1, self.count // 50) == 0:
                self.memory.append(own_kb(self.pid))
            if step is not None:
                step()

        plan: Plan = {
            "url": self.target.url,
            "api_key": self.target.api_key,
            "count": self.count,
            "parallel": self.parallel,
        }
        found = await run_client_process("churn", plan, watch)
        await asyncio.sleep(SETTLE_S)
        report = Report("churn", {"count": self.count, "parallel": self.parallel})
        self._add_memory(report)
        await self._add_leftovers(report, before)
        report.notes.append(f"{found['answered']} of {self.count} sessions were answered")
        return report

    def _add_memory(self, report: Report) -> None:
        half, window = len(self.memory) // 2, min(WINDOW, max(1, len(self.memory) // 4))
        middle = float(np.median(self.memory[half - window : half]))
        last = float(np.median(self.memory[-window:]))
        report.add("memory of its own halfway", "MB", [round(middle / 1024, 1)])
        report.add("memory of its own at the end", "MB", [round(last / 1024, 1)])
        growth = (last - middle) / middle * 100
        report.add("growth over the second half", "%", [round(growth, 2)], max=1.0)
        report.samples.append({"memory_kb": self.memory})

    async def _add_leftovers(self, report: Report, before: dict[str, Any]) -> None:
        after = await self.target.status()
        report.add("sessions left", "", [after["sessions"]], max=before["sessions"])
        if "tasks" in after and "tasks" in before:
            report.add("tasks left", "", [after["tasks"] - before["tasks"]], max=0)
        if self.target.triton_metrics:
            streams = (await self.target.triton()).total(ACTIVE)
            report.add("streams and sequences left in Triton", "", [streams], max=0)


async def run_users(plan: Plan, step: Step) -> dict[str, int]:
    """What each user does: connect, one turn, disconnect."""
    preload((SPEECH,), plan)
    room = asyncio.Semaphore(plan["parallel"])
    answered = 0

    async def one_session(number: int) -> None:
        nonlocal answered
        async with room, meet(plan, phase=number * 13) as user:
            await user.microphone_feed.say(clip(SPEECH, user.client.rate)).finished
            reply = await user.reply_after(0)
            await user.quiet(0.1)
            answered += reply is not None and bool(reply.first_audio)
        step()

    async with asyncio.TaskGroup() as group:
        for number in range(plan["count"]):
            group.create_task(one_session(number), name=f"session-{number}")
    return {"answered": answered}
