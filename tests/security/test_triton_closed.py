"""Nobody but the vdx user reaches the embedded Triton, or learns a secret from what vdx starts."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.processes import LOOPBACK, family, listening, named, regions, shown, udp
from tests.server.processes import Http, Vdx, embedded, eventually, running
from vdx.core.config import TritonConfig
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import TritonClient

QUICK = ("--voice", "tone", "--recogniser", "canned", "--no-proof", "--port", "0")
KEY, SECRET, OTHER = "a-key-of-vdx-0123456789", "s" * 40 + "ecret", "sk-of-the-chat-0123456789"
LIVEKIT = {"livekit-server", "server"}
"""What the program is called: released, and built here."""

CONNECT = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(sys.argv[1])
except PermissionError:
    print("refused")
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """A whole `vdx up` with rooms and secrets in its environment."""
    home = tmp_path_factory.mktemp("up")
    environ = {
        "VDX_HOME": str(home / "h"),
        "VDX_SERVER__API_KEYS": f"[{KEY}]",
        "VDX_LIVEKIT__API_SECRET": SECRET,
        "OPENAI_API_KEY": OTHER,
        "NVIDIA_API_KEY": OTHER,
    }
    with running("up", *QUICK, "--livekit", home=home, environ=environ) as vdx:
        eventually(lambda: "talk here" in vdx.output or vdx.process.poll(), "ready", 240)
        yield vdx
        assert vdx.interrupt() == 0
        assert "Traceback" not in vdx.output, vdx.output


def test_only_the_intended_ports_are_open(up: Vdx) -> None:
    port = int(up.url().rpartition(":")[2])
    found = listening(up.process.pid)
    programs = sorted(name for name, _, _ in found)
    livekit = LIVEKIT & set(programs)
    others = [(name, number) for name, _, number in found if name not in LIVEKIT]
    assert [number for _, number in others] == [port], found
    assert "tritonserver" not in programs
    assert {address for _, address, _ in found} <= set(LOOPBACK), found
    assert len(livekit) == 1
    # The media of WebRTC comes from the machine's own address, so loopback would not do for it.
    assert {name for name, _ in udp(up.process.pid)} <= LIVEKIT


def test_a_form_of_a_web_page_has_nothing_to_post_to(up: Vdx) -> None:
    """The model that a page could once load; every port there is refuses or does not know it."""
    http = Http(up.url())
    path = "/v2/repository/models/x/load"
    code, _ = http.post(path, content_type="text/plain", origin="http://evil.example")
    assert code in (401, 403, 404, 405)
    code, _ = http.post(path, content_type="text/plain", authorization=f"Bearer {KEY}")
    assert code in (404, 405)


def test_another_user_cannot_reach_the_socket(up: Vdx) -> None:
    status = Http(up.url()).get("/vdx/status", authorization=f"Bearer {KEY}")[1]
    path = Path(status["triton_grpc"].removeprefix("unix:"))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as own:
        own.connect(str(path))
    if os.geteuid() != 0:
        return  # only root can become somebody else; the modes above say the same
    tried = subprocess.run(
        [sys.executable, "-c", CONNECT, str(path)], capture_output=True, text=True, check=True
    )
    assert tried.stdout == "refused\n"


def test_no_secret_in_environments_or_command_lines(up: Vdx) -> None:
    processes = family(up.process.pid)
    secrets = (KEY, SECRET, OTHER)
    for process in processes:
        assert not any(secret in shown(process.pid, "cmdline") for secret in secrets)
    started = [process for process in processes if process.pid != up.process.pid]
    names = {process.name() for process in started}
    assert "tritonserver" in names
    assert names & LIVEKIT, names
    assert any("stub" in name for name in names), names
    for process in started:
        environment = shown(process.pid, "environ")
        assert not any(secret in environment for secret in secrets), process.name()
        assert "VDX_" not in environment, process.name()


def test_shared_memory_is_for_the_user_alone(up: Vdx) -> None:
    found = regions(up.process.pid)
    assert len(found) >= 2, "one of each model"
    assert {stat.S_IMODE(region.stat().st_mode) for region in found} == {0o600}
    triton = named(up.process.pid, "tritonserver")
    assert "Umask:\t0077" in shown(triton.pid, "status")


async def test_a_second_triton_gets_a_folder_of_its_own(repository: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    async with embedded(repository, tmp_path / "1.log", home=home) as first:
        assert first.grpc_url == f"unix:{home}/run/t:8001"
        assert not first.has_own_socket
        async with embedded(repository, tmp_path / "2.log", home=home) as second:
            assert second.has_own_socket
            folder = Path(second.grpc_url.removeprefix("unix:")).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert await _answers(second)
        assert not folder.exists()
        assert await _answers(first)
        url = first.grpc_url
        await first.restart()
        assert first.grpc_url == url
        assert await _answers(first)
    async with embedded(repository, tmp_path / "3.log", home=home) as third:
        assert third.grpc_url == url


@pytest.mark.parametrize("name", ["h" * 120, "a %ü", "with many spaces, 100 % of them ü"])
async def test_a_home_with_an_awkward_path(repository: Path, tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    async with embedded(repository, tmp_path / "triton.log", home=home) as triton:
        assert not triton.has_own_socket
        assert await _answers(triton)


async def _answers(triton: EmbeddedTriton) -> bool:
    async with TritonClient(TritonConfig(url=triton.grpc_url, tls=triton.options.tls)) as client:
        return await client.is_ready()
