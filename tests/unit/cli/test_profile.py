"""`vdx profile` finds the process, and says what is missing; py-spy reads a real one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vdx.cli import profile
from vdx.core.errors import SetupError, UnknownName
from vdx.core.process_identity import process_identity


def test_the_frontend_is_the_process_of_the_status() -> None:
    assert profile._processes("frontend", status_of(os.getpid())) == [os.getpid()]


def status_of(pid: int) -> dict[str, Any]:
    return {"pid": pid, "process": process_identity(pid)}


@pytest.mark.parametrize("what", ["frontend", "a-voice"])
@pytest.mark.parametrize(
    "status",
    [{}, {"pid": 2**22 + 1, "process": "x"}, {"pid": 1, "process": "x"}, {"pid": 1}],
    ids=["not-told", "not-here", "anothers-here", "no-identity"],
)
def test_a_server_elsewhere_cannot_be_read(status: dict[str, Any], what: str) -> None:
    """Even where a process here has the number of one there."""
    with pytest.raises(SetupError, match="another machine"):
        profile._processes(what, status)


def test_a_model_that_is_not_loaded_is_named() -> None:
    with pytest.raises(UnknownName, match="'no-such-voice'"):
        profile._processes("no-such-voice", status_of(os.getpid()))


@pytest.mark.skipif(os.geteuid() != 0, reason="reading another process needs root")
def test_a_flame_graph_is_drawn_of_a_running_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = "def spin():\n    while True: sum(range(1000))\nspin()"
    with subprocess.Popen([sys.executable, "-c", busy]) as process:
        try:
            monkeypatch.setattr(profile, "call", lambda *_: status_of(process.pid))
            profile.profile(seconds=1, out=tmp_path / "flames.svg")
        finally:
            process.kill()
    drawn = (tmp_path / "flames.svg").read_text()
    assert "spin" in drawn
    assert str(tmp_path / "flames.svg") in capsys.readouterr().out
