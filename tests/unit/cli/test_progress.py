"""The bar of `vdx say` and `vdx transcribe`, and where its text goes meanwhile."""

import sys

import pytest
import typer

from tests.unit.cli.terminal import Stream
from vdx.cli.progress import progress_bar


@pytest.mark.parametrize("terminal", [True, False])
def test_text_for_a_file_does_not_go_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    out, err = Stream(terminal=False), Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar("whisper", 90.0, "s of the recording") as advance:
        typer.echo("the first segment")
        advance(30.2, 90.0)
        typer.echo("the second segment")
    assert out.getvalue() == "the first segment\nthe second segment\n"
    assert "segment" not in err.getvalue()
    assert bool(err.getvalue()) == terminal


def test_the_bar_moves_with_every_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    err = Stream(terminal=True)
    monkeypatch.setattr(sys, "stdout", Stream(terminal=False))
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    with progress_bar("whisper", 90.0, "s of the recording") as advance:
        for done in (30.2, 61.0, 90.0):
            advance(done, 90.0)
    assert "90/90" in err.getvalue()
