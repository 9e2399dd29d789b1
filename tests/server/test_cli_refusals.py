"""What `vdx up` and `vdx frontend` refuse before they start anything."""

import socket
from pathlib import Path

import pytest

from tests.server.processes import Vdx

COMMANDS = ["up", "frontend"]


def _refused(*arguments: str, home: Path, config: dict[str, object] | None = None) -> str:
    vdx = Vdx(*arguments, home=home, config=config)
    try:
        assert vdx.wait() != 0
    finally:
        vdx.end()
    assert "Traceback" not in vdx.output
    assert "starting Triton" not in vdx.output
    return vdx.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_an_open_address_needs_a_key(host: str, tmp_path: Path) -> None:
    said = _refused("up", "--host", host, "--port", "0", home=tmp_path)
    assert "server.api_keys" in said
    assert repr(host) in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_port_given_and_taken_is_an_error(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = _refused(command, "--port", str(port), home=tmp_path)
    assert str(port) in said
    assert "--port" in said


def test_an_address_that_is_not_here_is_an_error(tmp_path: Path) -> None:
    said = _refused("frontend", "--host", "127.0.0.1.example", home=tmp_path)
    assert "127.0.0.1.example" in said


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("vad.aggressivness=3", "did you mean vad.aggressiveness?"),
        ("vad.aggressiveness=7", "7"),
        ("server.port=none", "server.port"),
        ("tts.speed=9", "tts.speed"),
        ("colour=blue", "colour"),
        ("vad", "vad"),
        ("tts.voice.name=x", "tts.voice"),
    ],
)
def test_a_bad_setting_is_named(assignment: str, named: str, tmp_path: Path) -> None:
    said = _refused("frontend", "--set", assignment, home=tmp_path)
    assert named in said
    assert len(said.splitlines()) == 1


def test_a_bad_key_of_the_file_is_named(tmp_path: Path) -> None:
    said = _refused("frontend", home=tmp_path, config={"profiles": {"vdx": {"voise": "tone"}}})
    assert "profiles.vdx.voise does not exist; did you mean profiles.vdx.voice?" in said


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = _refused("frontend", "--config", str(tmp_path / "nothing.yaml"), home=tmp_path)
    assert "nothing.yaml" in said


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = _refused("up", "--responder", "script", "--port", "0", home=tmp_path)
    assert "responder.script.path" in said
