"""`vdx plan`: what it prints of a file, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.bench.test_planning import report
from vdx.bench.planning import fleet
from vdx.cli import plan
from vdx.cli.plan import app
from vdx.core.errors import InvalidInput, UnknownName


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The file of a made-up machine; plans of few simulations."""
    monkeypatch.setattr(fleet, "STEPS", 4)
    monkeypatch.setattr(fleet, "TURNS", 100)
    monkeypatch.delenv("VDX_CONFIG", raising=False)
    file = tmp_path / "one.json"
    file.write_text(json.dumps(report()))
    return str(file)


def told(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["--calls", "1000", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_plan_of_a_file_is_printed(figures: str, tmp_path: Path) -> None:
    picture = tmp_path / "plan.png"
    said = told("--figures", figures, "--machine-price", "0.09", "--plot", str(picture))
    assert "planned" in said
    assert "v and r, measured on 2 cores" in said
    assert "cost: " in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_program_gets_the_same_as_json(figures: str) -> None:
    found: dict[str, Any] = json.loads(told("--figures", figures, "--json", "--spare", "3"))
    assert found["machines"] == -(-1000 // found["calls_each_machine"]) + 3
    assert found["cost_hour"] == 0
    assert [each["calls"] for each in found["simulated"]] == sorted(
        each["calls"] for each in found["simulated"]
    )


@pytest.mark.parametrize("options", [["--light"], ["--profile", "x"], ["--save", "y.json"]])
def test_what_was_measured_is_not_measured_again(figures: str, options: list[str]) -> None:
    with pytest.raises(InvalidInput, match="--figures needs no"):
        told("--figures", figures, *options)


@pytest.mark.parametrize(
    ("option", "file", "said"),
    [
        ("--plot", "plan.gif", r"ends in \.png, \.svg, \.pdf"),
        ("--plot", "plan", r"ends in \.png"),
        ("--plot", "absent/plan.png", "there is no folder .*absent"),
        ("--save", "absent/one.json", "there is no folder .*absent"),
    ],
)
def test_what_could_not_be_written_is_refused_before_it_is_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, file: str, said: str
) -> None:
    monkeypatch.setattr(plan, "_measured", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(InvalidInput, match=said):
        told(option, str(tmp_path / file))


def test_a_profile_that_is_not_there_is_named(figures: str) -> None:
    with pytest.raises(UnknownName, match="--profile 'shop'"):
        told("--profile", "shop")


def test_a_gpu_of_which_nothing_is_known_is_refused(figures: str) -> None:
    with pytest.raises(InvalidInput, match="of a GPU"):
        told("--figures", figures, "--gpus", "1")
