"""The fault matrix: its cases, what is told of one, and what counts as missed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from vdx.bench.faults import caller, deployment
from vdx.bench.faults.caller import STAGES, Noticed
from vdx.bench.faults.matrix import HOWS, PROCESSES, _add_figures, cases, describe
from vdx.bench.figures import Report
from vdx.cli.bench.conversations import faults
from vdx.core.errors import SetupError, UnknownName, VdxError
from vdx.serving.livekit import DevelopmentLiveKit


def test_every_process_meets_every_stage_both_ways() -> None:
    every = cases([], [], [])
    assert len(every) == len(set(every)) == len(PROCESSES) * len(HOWS) * len(STAGES) == 72
    assert {case.process for case in cases(["redis"], [], [])} == {"redis"}


@pytest.mark.parametrize(
    ("noticed", "told"),
    [
        (Noticed(answered=True, underrun_s=0.05), "nothing"),
        (Noticed(answered=True, underrun_s=1.24), "1.2 s of silence in the answer"),
        (Noticed(answered=True, told=["unavailable"]), "told: unavailable"),
        (Noticed(answered=True, lost=True), "call lost, made again"),
        (Noticed(lost=True), "no answer any more"),
        (Noticed(before="TimeoutError"), "no call before the fault: TimeoutError"),
    ],
    ids=["nothing", "silence", "told", "lost", "never", "before"],
)
def test_what_a_person_noticed_in_words(noticed: Noticed, told: str) -> None:
    assert describe(noticed) == told


def row(**given: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"process": "stub", "how": "killed", "stage": "speaking", "left": ""}
    usual |= {"waited_s": 1.0, "told": ["model_unavailable"], "noticed": "nothing"}
    return {**usual, "answered": True, "lost": False, **given}


@pytest.mark.parametrize(
    ("given", "tritons", "missed"),
    [
        (row(), 1, []),
        (row(waited_s=5.0), 1, []),
        (row(waited_s=5.0), 2, ["stub: wait for the next answer"]),
        (row(waited_s=5.0, told=[]), 1, ["waited over 3 s for models without being told"]),
        (row(waited_s=5.0, told=[], process="redis"), 1, []),
        (row(lost=True), 1, ["calls lost but by their own frontend's death"]),
        (row(process="frontend", lost=True), 1, []),
        (row(left="1 sessions"), 1, ["cases that left something behind"]),
    ],
    ids=["good", "one-triton", "two-tritons", "untold", "no-model", "lost", "own-frontend", "left"],
)
def test_what_counts_as_missed(given: dict[str, Any], tritons: int, missed: list[str]) -> None:
    report = Report("faults", {"rooms": False})
    _add_figures(report, [given], tritons)
    assert report.missed() == missed


@pytest.mark.parametrize(
    ("option", "value"), [("process", "livekit"), ("how", "bent"), ("stage", "eating")]
)
def test_what_there_is_not_is_refused_before_anything_starts(option: str, value: str) -> None:
    given: dict[str, Any] = {"process": None, "how": None, "stage": None, option: [value]}
    with pytest.raises(UnknownName, match=f"--{option} '{value}': expected one of"):
        faults(tritons=1, rooms=False, **given)


async def test_a_fault_that_cannot_be_made_is_no_lost_call(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.asynccontextmanager
    async def meet(_: dict[str, Any], *, events: bool) -> AsyncIterator[None]:
        assert events
        yield None

    async def done(*_: Any) -> None:
        """Takes no time."""

    def fault() -> None:
        raise VdxError("no process of stub runs", service="bench")

    monkeypatch.setattr(caller, "meet", meet)
    for name in ("_turn", "_reach", "_call_again"):
        monkeypatch.setattr(caller, name, done)
    monkeypatch.setattr(asyncio, "sleep", done)
    with pytest.raises(VdxError, match="no process of stub runs"):
        await caller.live({}, "listening", fault)


async def test_what_cannot_be_started_again_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tries = 0

    class Rooms:
        running = False

        async def restart(self) -> None:
            nonlocal tries
            tries += 1
            self.running = tries == 2
            if tries == 1:
                raise SetupError("the port is taken")

    monkeypatch.setattr(deployment, "RESTART_S", 0.0)
    made = deployment.Deployment(tmp_path, livekit=cast("DevelopmentLiveKit", Rooms()))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(made.keep(), 0.2)
    assert tries == 2
