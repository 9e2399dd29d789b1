"""`vdx up` as a person starts it: everything comes up, heals, and goes away again.

The proof of a turn at the start: tests/triton/test_commands_up.py.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.server.processes import Http, Vdx, eventually, running
from tests.server.talk import talking
from vdx.serving.scratch import SHARED_MEMORY

QUICK = ("--voice", "tone", "--recogniser", "canned", "--no-proof")


def _family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def _regions(family: list[psutil.Process]) -> set[Path]:
    """Shared memory files that the processes have mapped."""
    found: set[Path] = set()
    for process in family:
        with contextlib.suppress(OSError):
            maps = Path(f"/proc/{process.pid}/maps").read_text()
            found |= {Path(path) for path in re.findall(rf"{SHARED_MEMORY}/\S+", maps)}
    return found


def _alive(family: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; one that nobody has reaped yet has."""
    alive = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


def _stopped(vdx: Vdx) -> None:
    """Ctrl-C ends every process and every region of it."""
    family = _family(vdx.process.pid)
    regions = _regions(family)
    assert len(family) >= 4, "the server, Triton and two models"
    assert regions
    assert vdx.interrupt() == 0, vdx.output
    assert "stopped" in vdx.output
    assert "Traceback" not in vdx.output
    eventually(lambda: not _alive(family), "all processes gone")
    assert not [region for region in regions if region.exists()]


@pytest.mark.long  # tests/faults/test_triton_restart.py has one `vdx up` for many such deaths
async def test_a_triton_that_died_is_started_again(tmp_path: Path) -> None:
    with running("up", *QUICK, "--port", "0", home=tmp_path) as vdx:
        url = await asyncio.to_thread(vdx.url)
        http = Http(url)
        before = (await asyncio.to_thread(http.status))["triton_pid"]
        async with talking(url) as talk:
            await talk.turn()
            await talk.wait("response.output_audio.delta", count=5)
            os.kill(before, signal.SIGKILL)
            await talk.wait("response.done")
            await asyncio.to_thread(vdx.said, "Triton ended with code -9; restarting")
            await asyncio.to_thread(
                eventually, lambda: http.status()["triton_pid"] not in (None, before), "a new one"
            )
            await asyncio.to_thread(eventually, lambda: _both_ready(http), "models back")
            assert (await talk.full_turn())["response"]["status"] == "completed"
        await asyncio.to_thread(_stopped, vdx)


def test_a_taken_default_port_gives_way(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else has it: taken all the same
            stack.enter_context(socket.create_server(("127.0.0.1", 8080)))
        vdx = stack.enter_context(running("up", *QUICK, home=tmp_path))
        assert not vdx.url().endswith(":8080")
        assert "port 8080 is taken, using" in vdx.output
        _stopped(vdx)


def test_a_triton_port_given_and_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running("up", *QUICK, "--port", "0", "--metrics-port", port, home=tmp_path) as vdx:
            assert vdx.wait() == 1
            assert port in vdx.output
            assert "Traceback" not in vdx.output


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with running("up", *QUICK, "--port", "0", home=tmp_path) as vdx:
        vdx.said("loading models")
        family = _family(vdx.process.pid)
        vdx.interrupt()
        eventually(lambda: not _alive(family), "processes gone")
        assert "Traceback" not in vdx.output


@pytest.mark.long  # tests/faults/test_killed.py kills it while its Triton is frozen
def test_a_kill_takes_triton_along(tmp_path: Path) -> None:
    with running("up", *QUICK, "--port", "0", home=tmp_path) as vdx:
        vdx.url()
        family = _family(vdx.process.pid)
        regions = _regions(family)
        vdx.process.kill()
        eventually(lambda: not _alive(family), "processes gone")
        assert not [region for region in regions if region.exists()]


def test_an_unknown_voice_is_named(tmp_path: Path) -> None:
    with running("up", "--voice", "tonne", "--no-proof", "--port", "0", home=tmp_path) as vdx:
        assert vdx.wait() == 2
        assert "did you mean 'tone'" in vdx.output
        assert "Traceback" not in vdx.output


def _both_ready(http: Http) -> bool:
    code, answer = http.get("/vdx/models")
    states = {m["name"]: m["state"] for m in answer["models"]} if code == 200 else {}
    return states.get("tone") == states.get("canned") == "READY"
