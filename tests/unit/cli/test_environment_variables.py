"""Variables that options read are no configuration keys, and every command reads the same ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click import Option
from typer.testing import CliRunner

from vdx.cli import main
from vdx.cli.main import COMMANDS, load_command
from vdx.core.settings import ENV_RESERVED, load

NOBODY = "http://127.0.0.1:1"


def options(command: Any, path: str) -> Iterator[tuple[str, Option]]:
    """(command, option) for a command and everything under it."""
    for parameter in command.params:
        if isinstance(parameter, Option) or hasattr(parameter, "envvar"):
            yield path, parameter
    for name in getattr(command, "commands", {}):
        yield from options(command.resolve_command(None, [name])[1], f"{path} {name}")


ALL = [found for name in COMMANDS for found in options(load_command(name), name)]


def test_a_variable_of_an_option_is_no_configuration_key() -> None:
    read = {option.envvar for _, option in ALL if option.envvar}
    assert {"VDX_URL", "VDX_API_KEY"} <= read
    assert {name for name in read if str(name).startswith("VDX_")} <= ENV_RESERVED
    load(environ=dict.fromkeys(map(str, ENV_RESERVED - {"VDX_CONFIG"}), "x"))


def test_every_command_that_speaks_to_a_server_reads_its_address() -> None:
    asked = {path: option.envvar for path, option in ALL if "--url" in option.opts}
    # A bench without --url starts a server of its own.
    asked = {path: name for path, name in asked.items() if not path.startswith("bench")}
    assert {"talk", "token", "models list", "models use", "voices remove"} <= set(asked)
    assert set(asked.values()) == {"VDX_URL"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("config", "server.port"),
        ("doctor --json", '"checks"'),
        ("say hello --out hello.nothing", "hello.nothing"),
        ("transcribe nothing.wav", "nothing.wav"),
        ("token", NOBODY),
        ("talk", "ws://127.0.0.1:1"),
        ("models list", NOBODY),
    ],
)
def test_a_command_runs_with_the_address_in_the_environment(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VDX_URL", NOBODY)
    if line == "talk":
        line = f"talk --wav {recording()}"
    answer = CliRunner().invoke(main.app, line.split())
    assert said in f"{answer.output}{answer.exception}"
    assert "VDX_URL" not in f"{answer.output}{answer.exception}"


def recording() -> Path:
    from vdx.core.paths import locate

    return min(locate().recordings.glob("*.wav"))
