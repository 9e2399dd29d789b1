"""Logging, also when nobody can read it any more."""

import contextlib
import json
import os
import sys

import pytest

from vdx.core import logs
from vdx.core.config import LogConfig


def test_a_line_holds_the_event_and_its_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(LogConfig(format="json"))
    logs.logger("here").info("model loaded", model="tone")
    logs.logger("here").debug("not at this level")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["model"], line["level"]) == ("model loaded", "tone", "info")


def test_what_a_traceback_quotes_cannot_control_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(LogConfig())
    try:
        raise ValueError("a client said \x1b[2J\x07")
    except ValueError:
        logs.logger("here").exception("failed")
    told = capsys.readouterr().err
    assert "a client said \\x1b[2J\\x07" in told
    assert "\x1b" not in told
    assert len(told.splitlines()) > 3


@pytest.mark.parametrize("how", ["closed", "reader gone"])
def test_a_stream_that_is_gone_raises_nothing(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(LogConfig())
    if how == "closed":
        stream.close()
    logs.logger("here").warning("nobody hears this")
    logs.logger("here").error("nor this")
    with pytest.raises((OSError, ValueError)):
        stream.write("the stream itself does raise\n")
    with contextlib.suppress(OSError):
        stream.close()
