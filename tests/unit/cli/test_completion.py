"""Tab completion and `-h`."""

import pytest
from typer.testing import CliRunner

from vdx.cli import main


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vdx ", list(main.COMMANDS)),
        ("vdx tra", ["transcribe"]),
        ("vdx models ", ["list", "drain", "load", "reload", "update", "unload", "use", "why"]),
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


@pytest.mark.parametrize("words", [["-h"], ["say", "-h"], ["models", "use", "-h"]], ids=" ".join)
def test_h_is_help(words: list[str]) -> None:
    short = CliRunner().invoke(main.app, words)
    assert short.exit_code == 0
    assert short.output == CliRunner().invoke(main.app, [*words[:-1], "--help"]).output
