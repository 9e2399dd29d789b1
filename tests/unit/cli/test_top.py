"""`vdx top`: what a look at a server shows, and who is told that there is none."""

from typing import Any

import pytest
from typer.testing import CliRunner

from vdx.cli import top
from vdx.core.errors import VdxError

ANSWERS: dict[str, Any] = {
    "/vdx/status": {
        "ready": True,
        "sessions": 1,
        "max_sessions": 32,
        "voice": "en_US-joe-medium",
        "recogniser": "whisper-tiny.en",
        "responder": "repeat",
        "tasks": 40,
    },
    "/vdx/sessions": {
        "sessions": [
            {
                "id": "8f2c90a1b34d",
                "state": "speaking",
                "voice": "espeak",
                "recogniser": "canned",
                "messages": 6,
                "gap_ms": 412.4,
                "vad": {"noise_floor": 51.7, "speech_ratio": 0.25},
            },
            {
                "id": "000000000001",
                "state": "idle",
                "voice": "espeak",
                "recogniser": "",
                "messages": 0,
                "gap_ms": None,
                "vad": {"noise_floor": 0.0, "speech_ratio": 0.0},
            },
        ]
    },
    "/vdx/models": {
        "models": [
            {
                "name": "espeak",
                "phase": "resident",
                "leases": 2,
                "idle_seconds": 3.2,
                "memory_mb": 41.8,
                "why": "leased by 2 sessions",
            },
            {"name": "never-loaded", "state": "UNAVAILABLE", "reason": ""},
        ]
    },
}


def test_a_look_shows_sessions_and_what_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top, "call", lambda _method, _url, path, _key: ANSWERS[path])
    shown = CliRunner().invoke(top.app, ["--once"], env={"COLUMNS": "110"}).output
    for told in ("1 of 32", "8f2c90a1b34d", "speaking", "412 ms", "25%", "42 MB", "leased by 2"):
        assert told in shown
    assert "never-loaded" not in shown


def test_a_look_fits_80_columns_in_peoples_words(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "sherpa-onnx-streaming-zipformer-en-2023-06-26"
    session = ANSWERS["/vdx/sessions"]["sessions"][0] | {
        "state": "waiting_for_input",
        "voice": f"{long}/anna",
        "recogniser": long,
    }
    answers = ANSWERS | {"/vdx/sessions": {"sessions": [session]}}
    monkeypatch.setattr(top, "call", lambda _method, _url, path, _key: answers[path])
    shown = CliRunner().invoke(top.app, ["--once"], env={"COLUMNS": "80"}).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "8f2c90a1b34d" in shown
    assert "waiting_for_input" not in shown
    assert "your" in shown


def test_no_server_is_told_as_that() -> None:
    with pytest.raises(VdxError, match=r"no vdx server answers at http://127\.0\.0\.1:9"):
        top.call("GET", "http://127.0.0.1:9", "/vdx/status", "")
