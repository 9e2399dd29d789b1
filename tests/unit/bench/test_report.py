"""One report of every bench: what is run, kept, compared and drawn."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benchmarks import __main__ as studies
from benchmarks.__main__ import ALL
from benchmarks.registry import STUDIES
from tests.fuzz import __main__ as fuzzing
from vdx.bench import report
from vdx.bench.figures import Report
from vdx.bench.markdown import change
from vdx.bench.processes import START_S
from vdx.bench.registry import BENCHES, arguments
from vdx.bench.report import Outcome
from vdx.bench.soak import WARM_UP_S
from vdx.bench.studies import MOVED
from vdx.cli.main import load_command
from vdx.core.errors import ConfigError, UnknownName

TURN, COST = "turn --rounds 1", "sessions --cost --sessions {} --seconds 9"


def outcome(command: str, median: float, error: str = "") -> Outcome:
    """A turn with all its stages, or the cost of sessions."""
    name, *rest = command.split(" ")
    found = Report(name, {"sessions": int(rest[2])} if name == "sessions" else {}, notes=["a note"])
    if name == "sessions":
        found.add("server CPU per session-second, Triton included", "core", [median])
    else:
        found.add("end of speech to first audio", "ms", [median + n for n in range(-5, 6)], p95=340)
        found.add("server: speech end to pause_noticed", "ms", [60.0])
        found.add("  a|b", "ms", [])
    done = None if error else found.as_dict()
    return Outcome(command, "2026-11-24T10:00:00+00:00", 2.0, done, error)


def made(
    folder: Path,
    outcomes: list[Outcome],
    monkeypatch: pytest.MonkeyPatch,
    suite: report.Suite = report.OWN,
) -> tuple[str, list[str]]:
    """The report of runs that end so, and what was said meanwhile."""
    found = {one.command: one for one in outcomes}
    monkeypatch.setattr(report, "measure", lambda command, _benches: found[command])
    said: list[str] = []
    report.make(list(found), folder, say=said.append, suite=suite)
    return (folder / report.REPORT).read_text(), said


def test_every_bench_is_planned_in_order() -> None:
    full, quick = report.planned((), quick=False), report.planned((), quick=True)
    assert len(full) == len(quick) >= len(BENCHES)
    assert report.planned(["first-audio"], quick=True) == ["first-audio --rounds 10"]
    assert [c.split()[0] for c in report.planned(["triton", "jitter"], quick=False)] == [
        "jitter",
        "triton",
    ]
    for wrong in ("trun", "report"):
        with pytest.raises(UnknownName, match=f"no bench '{wrong}'; there are: .*turn"):
            report.planned([wrong], quick=True)


RUNS = {*report.planned((), quick=False, suite=ALL), *report.planned((), quick=True, suite=ALL)}
APPS = {"vdx.cli": load_command("bench"), "benchmarks": get_command(studies.app)}


@pytest.mark.parametrize("command", sorted(RUNS))
def test_every_run_has_options_that_exist(command: str) -> None:
    _, module, *options = arguments(command, ALL.benches)
    loaded = get_command(fuzzing.app)
    if module in APPS:
        name = command.split(" ", maxsplit=1)[0]
        loaded, options = APPS[module].commands[name], options[options.index(name) + 1 :]
    with loaded.make_context(module, [*options, "--json"]) as context:
        assert context.params["as_json"] is True


def test_no_run_is_ended_before_it_can_be_over() -> None:
    commands = report.planned((), quick=False)
    minutes = {
        name: float(n) for name, n in re.findall(r"(\w+) --minutes (\d+)", "\n".join(commands))
    }
    assert minutes.keys() == {"soak"}
    assert max(minutes.values()) * 60 + START_S + WARM_UP_S < report.LIMIT_S


def test_both_help_pages_list_every_bench() -> None:
    assert set(APPS["vdx.cli"].commands) == {"report", *BENCHES}
    assert set(APPS["benchmarks"].commands) == {"report", *STUDIES} - {"fuzz"}


@pytest.mark.parametrize("name", sorted(MOVED))
def test_a_moved_bench_names_its_new_command(name: str) -> None:
    never = {"transducer", "transducer-talk", "piper-peers", "smart-turn"}  # of `vdx bench`
    assert set(MOVED) == set(STUDIES) - never
    command = f"python -m {' '.join(STUDIES[name].call)}"
    with pytest.raises(UnknownName, match=command):
        APPS["vdx.cli"].main([name, "--help"], standalone_mode=False)
    with pytest.raises(UnknownName, match=command):
        report.planned([name], quick=True)


def test_a_study_is_reported_with_its_command_and_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, [outcome("grammar --rounds 1", 7.0)], monkeypatch, ALL)
    text, said = made(tmp_path, [outcome(TURN, 300.0)], monkeypatch)
    assert said[0] == "[1/1] vdx bench turn --rounds 1"
    assert "grammar --rounds 1" in text  # kept, though no bench of this suite
    text, _ = made(tmp_path, [outcome("whisper-words", 1.0)], monkeypatch, ALL)
    for command in ("vdx bench turn --rounds 1", "python -m benchmarks grammar --rounds 1"):
        assert f"### `{command}`" in text
    assert {"vad-curves", "waterfall"} <= set(ALL.plots)


def test_a_report_has_pictures_goals_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [outcome(TURN, 300.0), *(outcome(COST.format(n), 0.05) for n in (1, 8))]
    text, said = made(tmp_path, runs, monkeypatch)
    assert said[0] == "[1/3] vdx bench turn --rounds 1"
    assert "1 of 1 goals reached." in text
    assert "| a\\|b | ms | 0 |" in text
    assert "- a note" in text
    for name in ("waterfall", "distribution", "cost", "goals"):
        assert f"({name}.png)" in text
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_last_report_is_compared_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, [outcome(TURN, 300.0), outcome(COST.format(1), 0.05)], monkeypatch)
    text, _ = made(tmp_path, [outcome(TURN, 360.0)], monkeypatch)
    assert "median since 2026-11-24" in text
    assert "+20 % (was 300)" in text
    assert "0 of 1 goals reached" in text
    assert "**no**" in text
    assert text.count("kept from an earlier report") == 1
    assert set(report.read(tmp_path)) == {TURN, COST.format(1)}


def test_a_run_that_fails_is_told_and_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, [outcome(TURN, 300.0)], monkeypatch)
    text, said = made(tmp_path, [outcome(TURN, 0.0, error="no server")], monkeypatch)
    assert said[1] == "  failed: no server"
    assert "- `vdx bench turn --rounds 1`: no server" in text
    assert "kept from an earlier report" in text
    assert report.read(tmp_path)[TURN]["report"]["figures"][0]["median"] == 300


def test_a_bench_that_ends_badly(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = report.measure("turn --nosuch")
    assert outcome.report is None
    assert "ended with status 2" in outcome.error


@pytest.mark.parametrize("text", ["", "[]", '{"runs": 3}', '{"runs": {"turn": 7}}'])
def test_what_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / report.DATA).write_text(text)
    with pytest.raises(ConfigError, match=r"report\.json is no report"):
        report.read(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"median": 100.0}, 150.0, "+50 % (was 100)"),
        ({"median": 100.0}, 104.0, "same"),
        ({"median": 0.0}, 0.0, "same"),
        ({"median": 0.0}, 1.0, "(was 0)"),
        ({"median": None}, 1.0, "new"),
        (None, 1.0, "new"),
        ({"median": 1.0}, None, "new"),
    ],
)
def test_changes(old: dict[str, Any] | None, new: float | None, told: str) -> None:
    assert change(old, {"median": new}) == told


def test_data_is_plain_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, [outcome(TURN, 300.0)], monkeypatch)
    runs = json.loads((tmp_path / report.DATA).read_text())["runs"]
    assert len(runs[TURN]["report"]["figures"][0]["percentiles"]) == 101


def test_a_run_names_the_figures_that_miss_their_goal() -> None:
    rows = [{"name": "a", "reached": False}, {"name": "b", "reached": True}, {"name": "c"}]
    assert Outcome("turn --rounds 1", "", 1.0, {"figures": rows}).missed() == ["turn --rounds 1: a"]
    assert Outcome("turn", "", 1.0, error="it failed").missed() == []


def test_what_is_worse_by_a_tenth_is_named_on_the_same_kind_of_machine_alone() -> None:
    last = outcome(TURN, 300)
    assert last.report is not None
    before = {TURN: {"report": last.report}}
    assert report.worse(before, [outcome(TURN, 325)], 10) == []
    assert report.worse(before, [outcome(TURN, 335)], 10) == [
        f"{TURN}: end of speech to first audio 300 -> 335 ms"
    ]
    assert report.worse(before, [outcome(TURN, 335, error="fell over")], 10) == []
    assert report.worse({}, [outcome(TURN, 335)], 10) == []
    elsewhere = {**last.report, "machine": {**last.report["machine"], "cores": 512}}
    assert report.worse({TURN: {"report": elsewhere}}, [outcome(TURN, 335)], 10) == []


def test_less_of_what_should_be_much_is_worse() -> None:
    def kept(share: float) -> Outcome:
        found = Report("words", {})
        found.add("kept", "%", [share], min=90)
        return Outcome("words", "", 1.0, found.as_dict())

    before = {"words": {"report": kept(99).report}}
    assert report.worse(before, [kept(95)], 10) == []
    assert report.worse(before, [kept(80)], 10) == ["words: kept 99 -> 80 %"]
