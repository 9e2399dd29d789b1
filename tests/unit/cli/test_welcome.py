"""The proof turn and the advice that `vdx up` prints."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from vdx.app import Application
from vdx.cli import welcome
from vdx.core.config import Config
from vdx.core.paths import locate

TURN = {"speech_end_to_first_audio_ms": 320.0, "stages": {"first_audio": 320.0}}
FAILED = {"message": "chat endpoint: the connection failed", "service": "responder"}


def told_of(
    capsys: pytest.CaptureFixture[str], config: Config, *errors: dict[str, Any]
) -> tuple[str, str]:
    said = config.responder.apology if errors else "You said: hello"
    told = {"heard": ["hello"], "said": [said], "turns": [TURN]}
    welcome.tell_proof(told, list(errors), config)
    return capsys.readouterr()


def test_an_answer_proves_the_turn(capsys: pytest.CaptureFixture[str]) -> None:
    out, err = told_of(capsys, Config())
    assert "answered  You said: hello" in out
    assert "first audio" in out
    assert err == ""


@pytest.mark.parametrize("profile", [False, True])
def test_an_apology_is_no_proof_and_the_endpoint_is_named(
    capsys: pytest.CaptureFixture[str], profile: bool
) -> None:
    chat = {"base_url": "http://me:hidden@127.0.0.1:9/v1", "model": "m1"}
    responder = {"kind": "chat", "chat": chat}
    given = {"profiles": {"vdx": {"responder": responder}}} if profile else {"responder": responder}
    out, err = told_of(capsys, Config.model_validate(given), FAILED)
    assert "the proof turn failed: chat endpoint: the connection failed" in err
    assert "m1 at http://" in err
    assert "127.0.0.1:9/v1" in err
    assert "responder.chat.base_url" in err
    assert "hidden" not in err
    assert "answered" not in out


def test_another_failure_is_told_without_an_endpoint(capsys: pytest.CaptureFixture[str]) -> None:
    _, err = told_of(capsys, Config(), {"message": "the voice died", "service": "triton:joe"})
    assert err == "the proof turn failed: the voice died\n"


def welcomed(
    capsys: pytest.CaptureFixture[str], voice: str, recogniser: str, endpointer: str = ""
) -> str:
    config = Config()
    status = {"voice": voice, "recogniser": recogniser, "endpointer": endpointer}
    profiles = SimpleNamespace(options=lambda _: SimpleNamespace(responder=config.responder))
    host = SimpleNamespace(config=config, status=lambda: status, profiles=profiles)
    welcome.welcome("http://127.0.0.1:1", cast(Application, host))
    return capsys.readouterr().out


def test_with_released_models_nothing_neural_is_advised(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = welcomed(capsys, "en_GB-alan-low", "whisper-base.en", "smart-turn-v3.2")
    assert "a neural one" not in told
    assert "voices pull" not in told


def test_light_models_are_told_what_to_fetch_or_to_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    fetch = welcomed(capsys, "espeak", "pocketsphinx-en")
    assert "a neural one: vdx voices pull en_US-joe-medium" in fetch
    (locate().pulled_models / "en_US-joe-medium").mkdir(parents=True)
    here = welcomed(capsys, "espeak", "pocketsphinx-en")
    assert "a neural one: vdx models use en_US-joe-medium" in here
    assert "voices pull whisper-tiny.en" in here


def test_commands_can_be_typed_as_they_are_printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setattr(sys, "argv", [".venv/bin/vdx", "up"])
    told = welcomed(capsys, "espeak", "pocketsphinx-en")
    assert ".venv/bin/vdx voices pull en_US-joe-medium" in told
    assert ".venv/bin/vdx models use ID" in told
    assert " vdx up" not in told.replace(".venv/bin/vdx", "")
