"""vdx killed, hung up on and started again: nothing stays, and the next start succeeds."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.server.processes import Http, Vdx, eventually, running
from vdx.serving.scratch import SHARED_MEMORY

QUICK = ("--voice", "tone", "--set", "asr.enabled=false", "--no-proof")


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def up(home: Path, temporary: Path, port: int = 0) -> Iterator[Vdx]:
    environ = {"TMPDIR": str(temporary)}
    with running("up", *QUICK, "--port", str(port), home=home, environ=environ) as vdx:
        yield vdx


def _family(vdx: Vdx) -> list[psutil.Process]:
    process = psutil.Process(vdx.process.pid)
    return [process, *process.children(recursive=True)]


def _living(family: list[psutil.Process]) -> list[psutil.Process]:
    living = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                living.append(process)
    return living


def _left(temporary: Path) -> list[Path]:
    """Folders of this TMPDIR, and owners' files in shared memory that name one."""
    owners = []
    for file in SHARED_MEMORY.glob("vdx_*_owner"):
        with contextlib.suppress(OSError):
            if file.read_text().startswith(str(temporary)):
                owners.append(file)
    return [*temporary.glob("vdx-*"), *owners]


def test_the_same_port_serves_again_at_once_after_a_kill(tmp_path: Path, temporary: Path) -> None:
    with up(tmp_path, temporary) as first:
        url = first.url()
        family = _family(first)
        os.kill(first.process.pid, signal.SIGKILL)
        with up(tmp_path, temporary, int(url.rpartition(":")[2])) as second:
            assert second.url() == url
            eventually(lambda: not _living(family), "the first one's processes gone")
            eventually(lambda: len(_left(temporary)) == 2, "only the second one's folder")
            assert second.interrupt() == 0
    eventually(lambda: not _left(temporary), "nothing left")


def test_a_frozen_triton_does_not_outlive_a_killed_vdx(tmp_path: Path, temporary: Path) -> None:
    with up(tmp_path, temporary) as vdx:
        triton = Http(vdx.url()).status()["triton_pid"]
        family = _family(vdx)
        assert len(_left(temporary)) == 2
        os.kill(triton, signal.SIGSTOP)
        os.kill(vdx.process.pid, signal.SIGKILL)
        eventually(lambda: not _living(family), "all processes gone")
        eventually(lambda: not _left(temporary), "nothing left")


@pytest.mark.long  # what a start clears: tests/unit/serving/test_scratch.py
def test_what_nobody_could_clear_is_cleared_by_the_next_start(
    tmp_path: Path, temporary: Path
) -> None:
    with up(tmp_path, temporary) as first:
        first.url()
        for process in _family(first):  # the watchdog of its Triton too
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        first.wait()
    assert _left(temporary)
    with up(tmp_path, temporary) as second:
        second.url()
        assert len(_left(temporary)) == 2
        assert second.interrupt() == 0
    eventually(lambda: not _left(temporary), "nothing left")


def test_a_terminal_that_is_closed_stops_it_as_sigterm_does(
    tmp_path: Path, temporary: Path
) -> None:
    with up(tmp_path, temporary) as vdx:
        vdx.url()
        family = _family(vdx)
        vdx.process.send_signal(signal.SIGHUP)
        assert vdx.wait() == 0, vdx.output
        assert "stopped" in vdx.output
    eventually(lambda: not _living(family), "all processes gone")
    assert not _left(temporary)
