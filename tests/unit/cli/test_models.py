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
    monkeypatch.setattr(models, "_call", lambda *_: {"models": [line | stay]})
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
