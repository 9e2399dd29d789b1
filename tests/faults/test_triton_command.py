"""`vdx triton` by itself: hung up on, and with a tritonserver that hangs."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.server.processes import Vdx, eventually, running
from vdx.core.config import TritonConfig
from vdx.serving.triton import TritonClient

READY = r"Triton is ready: (\S+)"


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Vdx]:
    environ = {"VDX_HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    with running("triton", home=tmp_path, environ=environ) as vdx:
        vdx.said(READY)
        yield vdx
        assert "Traceback" not in vdx.output, vdx.output


def _tritonserver(vdx: Vdx) -> psutil.Process:
    children = psutil.Process(vdx.process.pid).children(recursive=True)
    (found,) = (each for each in children if each.name() == "tritonserver")
    return found


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM], ids=lambda each: each.name)
def test_a_closed_terminal_stops_it_as_sigterm_does(
    command: Vdx, number: signal.Signals, tmp_path: Path
) -> None:
    triton = _tritonserver(command)
    command.process.send_signal(number)
    assert command.wait() == 0, command.output
    eventually(lambda: not triton.is_running(), "tritonserver gone")
    assert not list(tmp_path.glob("vdx-*")), "its folders are gone"


async def test_a_tritonserver_that_hangs_is_killed_and_started_again(command: Vdx) -> None:
    found = re.search(READY, command.output)
    assert found is not None
    frozen = _tritonserver(command)
    os.kill(frozen.pid, signal.SIGSTOP)
    await asyncio.to_thread(command.said, "Triton has not answered for 5 s; ending it")
    await asyncio.to_thread(command.said, "Triton is ready again")
    assert not frozen.is_running()
    async with TritonClient(TritonConfig(url=found[1])) as client:
        assert await client.is_ready(), "at the same address"
