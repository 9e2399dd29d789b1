"""Waiting for ports that something of vdx still holds, and for nobody else's."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vdx.core.errors import PortTaken
from vdx.serving import held_ports
from vdx.serving.held_ports import HeldPortRetry, holder_of
from vdx.serving.ports import choose_port, when_free

HOLDER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
time.sleep(float(sys.argv[1]))
"""


def _left_over_server(folder: Path, seconds: float) -> tuple[subprocess.Popen[str], int]:
    """A process that is called tritonserver and holds a port for so long."""
    program = folder / "tritonserver"
    program.write_text(f"#!{sys.executable}\n{HOLDER}")
    program.chmod(0o700)
    process = subprocess.Popen([program, str(seconds)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_port_of_a_server_of_vdx_is_known(tmp_path: Path) -> None:
    process, port = _left_over_server(tmp_path, 60)
    with process:
        assert holder_of(port) == f"process {process.pid} (tritonserver)"
        process.kill()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        assert holder_of(stranger.getsockname()[1]) == ""


async def test_an_orphan_that_ends_is_waited_for(tmp_path: Path) -> None:
    process, port = _left_over_server(tmp_path, 1)
    with process:
        chosen = await when_free(lambda: choose_port("metrics", port))
    assert chosen == port


async def test_a_stranger_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            await when_free(lambda: choose_port("metrics", port))


def test_the_wait_is_told_once_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_ports, "WAIT_S", 0.5)
    told: list[str] = []
    process, port = _left_over_server(tmp_path, 60)
    with process:
        retry, tries = HeldPortRetry(told.append), 0
        while retry.allows(PortTaken("taken", port=port)):
            tries += 1
        process.kill()
    assert tries >= 1
    assert len(told) == 1
    assert "tritonserver" in told[0]
