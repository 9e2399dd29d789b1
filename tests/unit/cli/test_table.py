"""Tables on standard output."""

import sys

import pytest

from tests.unit.cli.terminal import Stream
from vdx.cli import doctor
from vdx.cli.checks import Check, Status
from vdx.cli.table import print_table


def test_a_table_has_headers_and_fits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("name", "nothing", "what"), [("a-long-name", "", "words " * 12), ("b", "", "[x]")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "WHAT"]
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines[1:-1]).split()) == "a-long-name " + "words " * 11 + "words"
    assert lines[-1].split() == ["b", "[x]"]


def test_what_is_for_other_programs_is_broken_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    for terminal in (True, False):
        stream = Stream(terminal=terminal)
        monkeypatch.setattr(sys, "stdout", stream)
        print_table(("name", "what"), [("a", "words " * 20)], whole_in_pipes=True)
        assert (len(stream.getvalue().splitlines()) == 2) != terminal


def test_the_doctor_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream(terminal=True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    doctor._print([Check("model process", Status.WARN, "/a/long/path" * 20, "mend it " * 20)])
    lines = stream.getvalue().splitlines()
    assert lines[0].split() == ["CHECK", "FOUND"]
    assert lines[1].split()[:3] == ["warn", "model", "process"]
    assert any("-> mend it" in line for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"),
    [(True, "", True), (True, "1", False), (False, "", False)],
)
def test_the_doctor_is_in_colour_on_a_terminal_unless_no_color_is_set(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, no_color: str, coloured: bool
) -> None:
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("NO_COLOR", no_color)
    doctor._print([Check("x", Status.FAIL, "wrong")])
    assert ("\x1b[" in stream.getvalue()) == coloured
