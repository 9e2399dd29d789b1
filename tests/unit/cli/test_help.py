"""Every page of help looks alike and says its lines to the end."""

import ast
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vdx.cli import main

GROUPS = [name for name in main.COMMANDS if hasattr(main.load_command(name), "commands")]
PAGES = [
    *([name] for name in main.COMMANDS),
    *([group, name] for group in GROUPS for name in main.load_command(group).commands),
]


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_is_plain_and_whole(page: list[str]) -> None:
    answer = CliRunner().invoke(main.app, [*page, "-h"], env={"COLUMNS": "80"})
    assert answer.exit_code == 0
    assert max(map(len, answer.output.splitlines())) <= 80
    text = re.sub(r"(\[(ARGS|BENCH|words|names)\]|words|names|PATH\})\.\.\.", "", answer.output)
    assert text.startswith("Usage: ")
    assert "..." not in text, "a line of help is cut"
    assert "╭" not in text
    assert "completion" not in text


@pytest.mark.parametrize("group", GROUPS)
def test_a_mistyped_option_or_command_is_named(group: str) -> None:
    for wrong in ("--nosuch", "nosuch"):
        answer = CliRunner().invoke(main.app, [group, wrong])
        assert answer.exit_code == 2
        assert wrong in answer.output


def test_no_command_is_a_function_of_more_than_50_lines() -> None:
    long = [
        f"{file.name} {node.name}"
        for file in Path(main.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []
