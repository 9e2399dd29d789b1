"""What `vdx up` and `vdx frontend` refuse before they start anything."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.triton.commands import Call
from tests.triton.conftest import vdx

__all__ = ["vdx"]

COMMANDS = ["up", "frontend"]


Refused = Callable[..., str]


@pytest.fixture
def refused(vdx: Call) -> Refused:
    """What a command says that is refused; it runs in the process of the tests."""

    def call(*arguments: str) -> str:
        answer = vdx(*arguments)
        assert answer.status != 0
        assert "starting Triton" not in answer.out + answer.err
        return answer.out + answer.err

    return call


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_an_open_address_needs_a_key(refused: Refused, host: str) -> None:
    said = refused("up", "--host", host, "--port", "0")
    assert "server.api_keys" in said
    assert repr(host) in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_port_given_and_taken_is_an_error(refused: Refused, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(command, "--port", str(port))
    assert str(port) in said
    assert "--port" in said


def test_an_address_that_is_not_here_is_an_error(refused: Refused) -> None:
    said = refused("frontend", "--host", "127.0.0.1.example")
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
def test_a_bad_setting_is_named(refused: Refused, assignment: str, named: str) -> None:
    said = refused("frontend", "--set", assignment)
    assert named in said
    assert len(said.splitlines()) == 1


def test_a_bad_key_of_the_file_is_named(refused: Refused, tmp_path: Path) -> None:
    file = tmp_path / "vdx.yaml"
    file.write_text(yaml.safe_dump({"profiles": {"vdx": {"voise": "tone"}}}))
    said = refused("frontend", "--config", str(file))
    assert "profiles.vdx.voise does not exist; did you mean profiles.vdx.voice?" in said


def test_a_file_that_is_not_there_is_named(refused: Refused, tmp_path: Path) -> None:
    said = refused("frontend", "--config", str(tmp_path / "nothing.yaml"))
    assert "nothing.yaml" in said


def test_a_script_that_is_not_there_is_named(refused: Refused) -> None:
    said = refused("up", "--responder", "script", "--port", "0")
    assert "responder.script.path" in said
