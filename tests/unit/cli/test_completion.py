"""Tab completion and `-h`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdx.cli import main


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vdx ", list(main.COMMANDS)),
        ("vdx tra", ["transcribe"]),
        (
            "vdx models ",
            [
                "list",
                "drain",
                "load",
                "reload",
                "update",
                "lease",
                "release",
                "capabilities",
                "unload",
                "use",
                "why",
            ],
        ),
        ("vdx models use --ur", ["--url"]),
        ("vdx say --vo", ["--voice"]),
        ("vdx say --voice esp", ["espeak", "espeak-en"]),
        ("vdx models use pocket", ["pocketsphinx-en"]),
        ("vdx config --explain tts.sp", ["tts.speed"]),
        ("vdx config --explain nosuch", []),
    ],
    ids=[
        "commands",
        "one",
        "sub-commands",
        "options of one",
        "options",
        "voices",
        "models",
        "settings",
        "nothing",
    ],
)
def test_the_shell_is_offered_commands_and_options(typed: str, offered: list[str]) -> None:
    asked = {
        "_VDX_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    answer = CliRunner().invoke(main.app, [], prog_name="vdx", env=asked)
    assert answer.stdout.split() == offered


def test_the_script_for_a_shell_can_be_printed_and_installed() -> None:
    told = CliRunner().invoke(main.app, ["--help"]).output
    assert "--install-completion" in told
    assert "--show-completion" in told


INSTALLS = "--install-completion"
"""What is printed of it in the documents."""


def test_the_script_is_installed_for_the_shell_that_asks(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", f"vdx {INSTALLS}; exit $?"],  # not in place of the shell
        env=os.environ | {"HOME": str(tmp_path), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "bash completion installed" in done.stdout
    (script,) = (tmp_path / ".bash_completions").iterdir()
    assert "_VDX_COMPLETE=complete_bash" in script.read_text()
    assert str(script) in (tmp_path / ".bashrc").read_text()


@pytest.mark.parametrize("words", [["-h"], ["say", "-h"], ["models", "use", "-h"]], ids=" ".join)
def test_h_is_help(words: list[str]) -> None:
    short = CliRunner().invoke(main.app, words)
    assert short.exit_code == 0
    assert short.output == CliRunner().invoke(main.app, [*words[:-1], "--help"]).output
