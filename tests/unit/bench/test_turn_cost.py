"""What the turns of a bench cost, by the parts of the server."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vdx.bench import turn_cost
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.bench.turn_cost import GPU, IDLE, PARTS, Spent, TurnCost, cpu_name, gpus_busy


async def test_what_a_part_takes_without_a_call_is_left_out_of_that_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = dict.fromkeys(PARTS, 0.0)
    looks = iter(
        [
            Spent(0.0, nothing),
            Spent(10.0, nothing | {"frontend": 1.0, "Triton": 2.0}),
            Spent(20.0, nothing | {"frontend": 4.0, "Triton": 5.0, "voice": 6.0}),
        ]
    )
    monkeypatch.setattr(Spent, "now", lambda *_: next(looks))
    monkeypatch.setattr(turn_cost, "IDLE_S", 0.0)
    monkeypatch.setattr(turn_cost.shutil, "which", lambda _: None)
    target = cast(Target, SimpleNamespace(pid=1))
    cost = await TurnCost.begin(target, {"voice": "joe", "recogniser": "jane"})
    report = Report("turn", {})
    turns: list[dict[str, Any]] = [{"wall_s": 10.0}]
    await cost.add(report, turns)
    found = {each.name: each.summary()["median"] for each in report.figures}
    assert found[IDLE] == pytest.approx(0.3)
    expected = {"frontend": 2.0, "Triton": 1.0, "voice": 6.0}
    assert {part: found[cpu_name(part)] for part in expected} == pytest.approx(expected)


def gpus(folder: Path, *told: str) -> str:
    """A program that says of GPUs what nvidia-smi does."""
    program = folder / "nvidia-smi"
    lines = "\n".join(f"echo '{each}'" for each in told)
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("told", "busy"),
    [(("40",), 0.4), (("40", "100"), 1.4), (("40", "[N/A]"), None), ((), None)],
    ids=["one", "two", "divided", "none"],
)
def test_all_gpus_count(told: tuple[str, ...], busy: float | None, tmp_path: Path) -> None:
    assert gpus_busy(gpus(tmp_path, *told)) == busy


async def test_what_gpus_do_without_a_call_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dict.fromkeys(PARTS, 0.0)
    looks = iter([Spent(at, nothing) for at in (0.0, 10.0, 20.0)])
    monkeypatch.setattr(Spent, "now", lambda *_: next(looks))
    monkeypatch.setattr(turn_cost, "IDLE_S", 0.0)
    monkeypatch.setattr(turn_cost.shutil, "which", lambda _: None)
    cost = await TurnCost.begin(
        cast(Target, SimpleNamespace(pid=1)), {"voice": "joe", "recogniser": "jane"}
    )
    cost.idle_gpus, cost.gpus = [0.1, 0.3], [0.9, 1.5]
    report = Report("turn", {})
    await cost.add(report, [{"wall_s": 5.0}, {"wall_s": 5.0}])
    found = {each.name: each.summary()["median"] for each in report.figures}
    assert found[GPU] == pytest.approx((1.2 - 0.2) * 10.0 / 2)
