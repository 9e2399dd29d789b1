"""The frame of the command line: fast help, late imports, errors in one line."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdx import __version__
from vdx.cli import main
from vdx.core.errors import ConfigError, SetupError, TritonUnavailable

HEAVY = {
    "av", "fastapi", "grpc", "livekit", "numpy", "openai", "pydantic", "rich", "sounddevice",
    "soxr", "starlette", "structlog", "tritonclient", "uvicorn", "yaml",
}  # fmt: skip
PRESENT = sorted(name for name in main.COMMANDS if find_spec(f"vdx.cli.{name}"))


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vdx.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def modules_after(arguments: list[str]) -> set[str]:
    """Top-level modules in sys.modules once the command line has run."""
    code = (
        "import json, sys\n"
        f"sys.argv = ['vdx', *{arguments!r}]\n"
        "from vdx.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=str)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_after(arguments)
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    ours = {name for name in loaded if name.startswith("vdx.cli.")}
    assert ours == {"vdx.cli.main", "vdx.cli.output"}


def test_help_lists_every_command_in_order() -> None:
    lines = run("--help").stdout.splitlines()
    listed = [line.split()[0] for line in lines[lines.index("Commands:") + 1 :] if line.strip()]
    assert listed == list(main.COMMANDS)


def test_help_lines_are_not_cut() -> None:
    assert "..." not in run("--help").stdout.replace("COMMAND [ARGS]...", "")


def test_version() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout.strip()) == (0, f"vdx {__version__}")


def test_mistyped_command_gets_a_suggestion() -> None:
    answer = run("setp")
    assert answer.returncode == 2
    assert "setup" in answer.stderr


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_shows_its_help(name: str) -> None:
    answer = CliRunner().invoke(main.app, [name, "--help"])
    assert answer.exit_code == 0
    assert name in answer.output


def test_missing_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(main.COMMANDS, "absent", "Not there.")
    with pytest.raises(SetupError, match="no command 'absent'"):
        main.load_command("absent")


@pytest.mark.parametrize(
    ("error", "status"),
    [(ConfigError("server.port: bad"), 2), (TritonUnavailable("nobody answers"), 1)],
)
def test_foreseen_errors_end_in_one_line(
    error: Exception,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "app", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == status
    assert capsys.readouterr().err == f"vdx: {error}\n"
