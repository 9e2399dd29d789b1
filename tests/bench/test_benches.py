"""Every bench once, as small as it gets, against a server that it starts itself."""

import json
import shlex
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.registry import STUDIES
from vdx.bench.registry import BENCHES, arguments

POINTS = {"name", "unit", "count", "min", "median", "p95", "p99", "max"}

RUNS = {
    "start": (["start", "--rounds", "1"], "start to ready, proof turn included"),
    "piper": (["piper", "--rounds", "1", "--graph", "tiny"], "first audio over gRPC"),
    "whisper": (
        ["whisper", "--sizes", "micro", "--rounds", "1"],
        "micro live: end of speech to final",
    ),
    "whisper-file": (["whisper-file", "--minutes", "0.5"], "vdx, words with times"),
    "whisper-words": (["whisper-words"], "difference"),
    "turn": (["turn", "--rounds", "1"], "end of speech to first audio"),
    "bargein": (["bargein", "--rounds", "1"], "onset to silence"),
    "false-bargein": (["false-bargein", "--rounds", "1"], "reply lost"),
    "interruptions": (
        ["interruptions", "--count", "4", "--sessions", "2"],
        "audio of a cancelled reply after its end",
    ),
    "jitter": (["jitter", "--sessions", "2", "--seconds", "9"], "holes heard in each reply"),
    "sessions": (["sessions", "--connects", "2"], "connect to ready"),
    "cost": (
        ["sessions", "--cost", "--sessions", "1", "--seconds", "5"],
        "server CPU per session-second, Triton included",
    ),
    "churn": (["sessions", "--churn", "8", "--sessions", "4"], "sessions left"),
    "page": (["page", "--rounds", "1"], "page: load to talking"),
    "speech": (["speech", "--rounds", "2"], "request to the first byte, espeak-en, pcm"),
    "transcriptions": (["transcriptions", "--rounds", "1"], "over HTTP / directly"),
    "fuzz": (["fuzz", "events", "--count", "100"], "events sent"),
    "turn in a room": (
        ["turn", "--transport", "livekit", "--rounds", "1"],
        "end of speech to first audio",
    ),
    "false-bargein in a room": (
        ["false-bargein", "--transport", "livekit", "--rounds", "1"],
        "reply lost",
    ),
    "rooms at once": (
        ["jitter", "--transport", "livekit", "--sessions", "2", "--seconds", "5"],
        "joining to the conversation's begin",
    ),
    "first-audio": (["first-audio", "--rounds", "3"], "first audio of tone over gRPC"),
    "triton": (
        ["triton", "--rounds", "1", "--concurrency", "2"],
        "espeak, 2 at once: first chunk",
    ),
    "grammar": (["grammar", "--rounds", "1"], "decoder of a grammar, pruned dictionary"),
}


def run(command: list[str]) -> dict[str, Any]:
    """What a bench, study or fuzzer printed as JSON."""
    benches = {**BENCHES, **STUDIES}
    command = [sys.executable, *arguments(shlex.join(command), benches), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", RUNS)
def test_a_bench_measures_and_its_json_is_well_formed(name: str) -> None:
    command, figure = RUNS[name]
    report = run(command)
    assert report["machine"]["cores"] >= 1
    assert len(report["machine"]["load"]) == 3
    rows = {row["name"]: row for row in report["figures"]}
    assert all(row.keys() >= POINTS for row in rows.values())
    assert rows[figure]["count"] > 0, report["notes"]
    for row in rows.values():
        if row["count"]:
            assert row["min"] <= row["median"] <= row["p95"] <= row["p99"] <= row["max"]
