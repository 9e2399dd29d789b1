"""One conversation, one model under perf_analyzer, and one report; the rest is `make bench`.

The report is a long test: what it is made of is in tests/unit/bench/test_report.py and test_vad.py.

What the benches make of what they measured: tests/unit/bench/test_recorded.py.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.registry import STUDIES
from vdx.bench.registry import BENCHES, arguments

POINTS = {"name", "unit", "count", "min", "median", "p95", "p99", "max"}

RUNS = {
    "turn": ("turn --rounds 1", ("end of speech to first audio",)),
    "triton": (
        "triton --rounds 1 --concurrency 2",
        (
            "espeak, 2 at once: first chunk",
            "  espeak, 2 at once: whole clause",
            "pocketsphinx-en, 2 at once: answer to 60 ms of audio",
        ),
    ),
}

REACHED = (
    "false barge-ins left, of those with all off",
    "true barge-ins lost, of those with all off",
    "turn cuts left, pauses in a phrase, words as said",
    "turn cuts left, pauses in a phrase, pocketsphinx's words",
    "turn gap on finished sentences",
)
"""What the vad study reaches on a quarter of its held-back half, too."""

LIMIT_S = 600


def check_figures(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures of a well-formed report by name."""
    assert report["machine"]["cores"] >= 1
    assert len(report["machine"]["load"]) == 3
    rows = {row["name"]: row for row in report["figures"]}
    assert all(row.keys() >= POINTS for row in rows.values())
    for row in rows.values():
        if row["count"]:
            assert row["min"] <= row["median"] <= row["p95"] <= row["p99"] <= row["max"]
    return rows


@pytest.mark.parametrize("name", RUNS)
def test_a_bench_measures_and_its_json_is_well_formed(name: str) -> None:
    command, measured = RUNS[name]
    call = [sys.executable, *arguments(command, {**BENCHES, **STUDIES}), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    rows = check_figures(report)
    for figure in measured:
        assert rows[figure]["count"] > 0, report["notes"]
        assert rows[figure]["min"] > 0


LONG_RUNS = {
    "soak": ("soak --minutes 1 --sessions 2 --light", ("end of speech to first audio",)),
    "faults": (
        "faults --process stub --how killed --stage speaking",
        ("stub: wait for the next answer",),
    ),
}


# A minute and a whole deployment of processes; verdicts: tests/unit/bench/test_{soak,faults}.py.
@pytest.mark.long
@pytest.mark.parametrize("name", LONG_RUNS)
def test_a_long_bench_measures(name: str) -> None:
    command, measured = LONG_RUNS[name]
    call = [sys.executable, *arguments(command, BENCHES), "--json"]
    done = subprocess.run(call, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    rows = check_figures(report)
    for figure in measured:
        assert rows[figure]["count"] > 0, report["notes"]
    left = [row for name, row in rows.items() if "left" in name]
    assert left
    assert all(row["max"] <= 0 for row in left), report["notes"]


TWO_WAYS = {
    "observed": ("without", "traces and JSON logs", "CPU more"),
    "refused": ("nobody else", "wrong keys", "wrong keys answered a second"),
}


# A minute of talking each; what is made of it: tests/unit/bench/test_by_turns.py.
@pytest.mark.long
@pytest.mark.parametrize("name", TWO_WAYS)
def test_a_bench_of_two_ways_measures_both(name: str) -> None:
    call = arguments(f"{name} --light --rounds 1 --sessions 1", BENCHES)
    done = subprocess.run(
        [sys.executable, *call, "--json"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = check_figures(json.loads(done.stdout))
    plain, other, figure = TWO_WAYS[name]
    for way in (plain, other):
        assert rows[f"{way}: end of speech to first audio"]["count"] == 4
        assert rows[f"  {way}: CPU per turn"]["median"] > 0
    assert rows[figure]["count"] == 1


@pytest.mark.long
def test_a_study_is_reported_with_its_pictures(tmp_path: Path) -> None:
    call = shlex.split("-m benchmarks report vad --quick --out")
    done = subprocess.run(
        [sys.executable, *call, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    runs = json.loads((tmp_path / "report.json").read_text())["runs"]
    report = runs["vad --quick"]["report"]
    rows = check_figures(report)
    assert [name for name in REACHED if not rows[name]["reached"]] == []
    echo = next(row for name, row in rows.items() if name.startswith("self-interruptions"))
    assert echo["max"] == 0
    assert {sample["features"] for sample in report["samples"]} == {"all on", "all off"}
    text = (tmp_path / "report.md").read_text()
    for picture in ("vad-features", "goals"):
        assert f"({picture}.png)" in text
        assert (tmp_path / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
