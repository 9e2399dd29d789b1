"""What `vdx models` tells of a model and of a session's choice."""

from typing import Any

import pytest
from typer.testing import CliRunner

from vdx.cli import models

STAY = {
    "phase": "resident",
    "phase_seconds": 9.0,
    "idle_seconds": 30.4,
    "leases": 2,
    "why": "profile vdx",
}


@pytest.mark.parametrize(
    ("stay", "told"),
    [
        ({}, ""),
        (STAY, "  [profile vdx, 2 leases, idle 30 s]"),
        (
            STAY | {"why": "leased by 2 sessions", "memory_mb": 267.9},
            "  [leased by 2 sessions, idle 30 s, 268 MB]",
        ),
        (
            STAY | {"phase": "loading", "leases": 0, "why": "not used"},
            "  [loading 9.0 s, not used, idle 30 s]",
        ),
    ],
)
def test_a_model_is_listed_with_what_keeps_it(
    monkeypatch: pytest.MonkeyPatch, stay: dict[str, Any], told: str
) -> None:
    line = {"name": "tone", "state": "READY", "reason": "", "kind": "tts", "languages": ["en"]}
    answer = {"models": [line | stay], "servers": [{}]}
    monkeypatch.setattr(models, "_call", lambda *_: answer)
    listed = CliRunner().invoke(models.app, ["list"])
    assert listed.output == f"{'tone':<20} {'READY':<12} tts en{told}\n"


def test_a_choice_is_told_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    route = {
        "session": "ab12",
        "kind": "tts",
        "wanted": "joe",
        "model": "amy",
        "why": "profile vdx",
        "reasons": ["joe is resident nowhere: a loads it", "amy is the fallback"],
    }
    asked = []

    def call(_method: str, _url: str, path: str, _key: str) -> Any:
        asked.append(path)
        return {"routes": [route] if "ab12" in path else []}

    monkeypatch.setattr(models, "_call", call)
    told = CliRunner().invoke(models.app, ["why", "ab12"]).output.splitlines()
    assert told == [
        "ab12 tts joe",
        "  joe is resident nowhere: a loads it",
        "  amy is the fallback",
        "  amy is loaded: profile vdx",
    ]
    assert CliRunner().invoke(models.app, ["why"]).output == "no session is open\n"
    assert asked == ["/vdx/routes?session=ab12", "/vdx/routes"]


def test_several_servers_are_told_with_what_is_loaded_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    metrics = {"leases": 3, "queue_depth": 1, "p50_first_audio_ms": 41.6}
    loaded = {"state": "resident", "metrics": metrics}
    hearing = {"state": "resident", "metrics": metrics | {"p50_first_audio_ms": None}}
    busy = {"name": "a", "addr": "unix:/a", "draining": True, "age_seconds": 0.2}
    lost = {"name": "b", "addr": "b:8001", "draining": False, "age_seconds": 31.4, "models": {}}
    busy["models"] = {"joe": loaded, "ear": hearing, "amy": loaded | {"state": "absent"}}
    answer = {"models": [], "servers": [busy, lost]}
    monkeypatch.setattr(models, "_call", lambda *_: answer)
    listed = CliRunner().invoke(models.app, ["list"])
    assert listed.output.splitlines() == [
        "a at unix:/a, draining",
        f"  {'ear':<20} {'resident':<12} 3 leases, 1 in flight",
        f"  {'joe':<20} {'resident':<12} 3 leases, 1 in flight, first audio 42 ms",
        "b at b:8001, heard of 31 s ago",
        "",
    ]


def test_a_server_is_drained_and_takes_sessions_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def call(_method: str, _url: str, path: str, _key: str) -> Any:
        asked.append(path)
        return {"server": "gpu0@a", "draining": True, "sessions": 2}

    monkeypatch.setattr(models, "_call", call)
    drained = CliRunner().invoke(models.app, ["drain", "gpu0@a"])
    assert drained.output == "gpu0@a takes no sessions; 2 are there still\n"
    assert CliRunner().invoke(models.app, ["drain", "gpu0@a", "--off"]).exit_code == 0
    assert asked == ["/vdx/servers/gpu0%40a/drain", "/vdx/servers/gpu0%40a/drain?off=true"]
