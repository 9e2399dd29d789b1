"""The cases of `vdx bench faults`, one after the other, and the table of what was noticed."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vdx.bench.client_process import Step
from vdx.bench.clips import preload
from vdx.bench.faults.caller import OPENING, SPEECH, STAGES, Noticed, live
from vdx.bench.faults.deployment import Deployment, deployment
from vdx.bench.figures import Report
from vdx.bench.scrape import status
from vdx.core.errors import VdxError

Tell = Callable[[str], None]

PROCESSES = ("frontend", "stub", "triton", "manager", "redis", "livekit")
HOWS = {"killed": signal.SIGKILL, "frozen": signal.SIGSTOP}
THAW_S = 10.0
"""After which what froze, and was not replaced, goes on."""
SETTLE_S = 20.0
"""By then everything has to be as it was."""
REACH_S = {1: 12.0, 2: 3.0}
"""Tritons -> p95 of what people wait: alone, and where another server holds the models."""
TOLD_AFTER_S = 3.0
"""Who waits longer because models are away has to be told."""
OF_MODELS = ("stub", "triton")


@dataclass(frozen=True, slots=True)
class Case:
    process: str
    how: str
    stage: str


def cases(processes: Sequence[str], hows: Sequence[str], stages: Sequence[str]) -> list[Case]:
    """Every combination; empty names all. Raises nothing: the command checks names."""
    return [
        Case(process, how, stage)
        for process in processes or PROCESSES
        for how in hows or tuple(HOWS)
        for stage in stages or STAGES
    ]


async def measure(
    wanted: Sequence[Case], tritons: int, livekit: Path | None, step: Step, tell: Tell
) -> Report:
    """Runs the cases against a deployment of the bench's own; rooms where LiveKit is given.

    `tell` gets a line for each case as it ends: the whole matrix takes half an hour.

    Raises:
        SetupError: the deployment did not start.
    """
    report = Report("faults", {"tritons": tritons, "rooms": livekit is not None})
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="vdx-faults-") as folder:
        async with deployment(Path(folder), tritons, livekit) as running:
            plan = {
                "url": running.url,
                "api_key": "",
                "transport": "livekit" if livekit else "websocket",
            }
            preload((SPEECH, OPENING), plan)
            for case in wanted:
                rows.append(await _run(running, case, plan))
                tell(line(rows[-1]))
                step()
    _add_figures(report, rows, tritons)
    return report


async def _run(running: Deployment, case: Case, plan: dict[str, Any]) -> dict[str, Any]:
    await _as_before(running, None)
    before = running.processes()
    thaw: list[asyncio.TimerHandle] = []

    def fault() -> None:
        pid = running.pid(case.process)
        os.kill(pid, HOWS[case.how])
        if case.how == "frozen":
            loop = asyncio.get_running_loop()
            thaw.append(loop.call_later(THAW_S, _thaw, pid))

    try:
        noticed = await live(plan, case.stage, fault)
    except (VdxError, TimeoutError, OSError) as error:
        noticed = Noticed(before=f"{type(error).__name__} {error}".strip())
    finally:
        for each in thaw:
            if not each.cancelled() and each.when() > asyncio.get_running_loop().time():
                await asyncio.sleep(each.when() - asyncio.get_running_loop().time() + 0.1)
    left = await _as_before(running, before)
    return {
        "process": case.process,
        "how": case.how,
        "stage": case.stage,
        "waited_s": noticed.waited_s,
        "underrun_s": noticed.underrun_s,
        "told": noticed.told,
        "lost": noticed.lost,
        "answered": noticed.answered,
        "noticed": describe(noticed),
        "left": left,
    }


def _thaw(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


async def _as_before(running: Deployment, processes: int | None) -> str:
    """Waits until no session is open and as many processes run; says what is still different."""
    left = ""
    for _ in range(round(SETTLE_S / 0.25)):
        try:
            told = await asyncio.to_thread(status, running.url)
            left = f"{told['sessions']} sessions" if told["sessions"] else ""
        except VdxError:
            left = "no frontend"
        if not left and processes is not None and (extra := running.processes() - processes):
            left = f"{extra:+d} processes"
        if not left:
            return ""
        await asyncio.sleep(0.25)
    return left


def describe(noticed: Noticed) -> str:
    """What the person noticed, in a few words."""
    if noticed.before:
        return f"no call before the fault: {noticed.before}"
    if not noticed.answered:
        return "no answer any more"
    parts = []
    if noticed.lost:
        parts.append("call lost, made again")
    if noticed.underrun_s >= 0.1:
        parts.append(f"{noticed.underrun_s:.1f} s of silence in the answer")
    if noticed.told:
        parts.append(f"told: {', '.join(noticed.told)}")
    return "; ".join(parts) or "nothing"


def _add_figures(report: Report, rows: list[dict[str, Any]], tritons: int) -> None:
    for process in dict.fromkeys(row["process"] for row in rows):
        own = [row for row in rows if row["process"] == process]
        waits = [row["waited_s"] for row in own if row["answered"]]
        report.add(f"{process}: wait for the next answer", "s", waits, p95=REACH_S[min(tritons, 2)])
    own_death = ("frontend", "livekit") if report.options["rooms"] else ("frontend",)
    lost = [row for row in rows if row["lost"] and row["process"] not in own_death]
    report.add("calls lost but by their own frontend's death", "", [len(lost)], max=0)
    untold = [
        row
        for row in rows
        if row["process"] in OF_MODELS and row["waited_s"] > TOLD_AFTER_S and not row["told"]
    ]
    report.add(
        f"waited over {TOLD_AFTER_S:g} s for models without being told", "", [len(untold)], max=0
    )
    report.add("never answered again", "", [sum(not row["answered"] for row in rows)], max=0)
    report.add("cases that left something behind", "", [sum(bool(r["left"]) for r in rows)], max=0)
    report.samples += rows
    report.notes += map(line, rows)


def line(row: Mapping[str, Any]) -> str:
    """One case as a line of the table."""
    what = f"{row['process']} {row['how']}, {row['stage']}"
    left = f"; left: {row['left']}" if row["left"] else ""
    return f"{what:<34} {row['waited_s']:5.1f} s  {row['noticed']}{left}"
