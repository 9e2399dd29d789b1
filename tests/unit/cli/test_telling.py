"""Lines for people who may not be there any more."""

import os
import sys

import pytest

from vdx.cli.console import tell, warn


class Full:
    """A stream on a full disk."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_line_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    tell("one")
    warn("two")
    assert capsys.readouterr() == ("one\n", "two\n")


def test_a_full_disk_and_a_closed_stream_raise_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = open(os.devnull, "w")  # noqa: PTH123, SIM115
    closed.close()
    for stream in (Full(), closed, None):
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        tell("one")
        warn("two")


def test_a_reader_that_is_gone_is_written_to_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    tell("one")
    assert sys.stdout is None
    with pytest.raises(BrokenPipeError):
        stream.close()
