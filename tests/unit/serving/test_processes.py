"""Model processes on this machine: found by their command line, followed to their end."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.server.processes import eventually
from tests.wait_limit import WAIT_LIMIT_S
from vdx.serving.backend_dir import STUB
from vdx.serving.model_processes import ModelProcesses, listening_process, model_processes

MODEL = f"model-{os.getpid()}"
UNKNOWN = "triton.example:8001"
"""A Triton whose process cannot be told."""


@pytest.fixture
def process(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like that of a model; it ends when its input does."""
    stub = tmp_path / STUB
    stub.symlink_to("/bin/cat")
    model = tmp_path / MODEL / "1"
    model.mkdir(parents=True)
    os.mkfifo(model / "model.py")
    child = subprocess.Popen([stub, model / "model.py", "-"], stdin=subprocess.PIPE)
    deadline = time.monotonic() + WAIT_LIMIT_S
    while not Path(f"/proc/{child.pid}/cmdline").read_bytes():  # a moment after it was started
        assert time.monotonic() < deadline
    yield child
    child.kill()
    child.wait()


def test_a_model_is_found_by_its_name(process: "subprocess.Popen[bytes]") -> None:
    assert model_processes({MODEL, "other"}) == {process.pid: MODEL}
    assert model_processes({"other"}) == {}
    assert model_processes({MODEL}, server=os.getpid()) == {process.pid: MODEL}
    assert model_processes({MODEL}, server=process.pid) == {}


async def test_the_end_of_a_process_is_told_once(process: "subprocess.Popen[bytes]") -> None:
    told: list[str] = []
    ended = asyncio.Event()

    def tell(name: str) -> None:
        told.append(name)
        ended.set()

    processes = ModelProcesses(UNKNOWN, tell)
    for _ in range(2):
        await processes.follow({MODEL})
    assert not await processes.gone(MODEL)
    process.kill()
    async with asyncio.timeout(30):
        await ended.wait()
    await asyncio.sleep(0)
    assert told == [MODEL]
    process.wait()
    assert await processes.gone(MODEL)
    assert not await processes.gone("never seen")
    processes.close()


async def test_nothing_is_told_after_the_end(process: "subprocess.Popen[bytes]") -> None:
    told: list[str] = []
    processes = ModelProcesses(UNKNOWN, told.append)
    await processes.follow({MODEL})
    processes.close()
    process.kill()
    await asyncio.sleep(0.05)
    assert told == []


@pytest.fixture(params=["unix", "tcp"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address at which this process listens, as a server beside its models would."""
    if request.param == "tcp":
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        return
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "ü:8001"))
        server.listen()
        yield f"unix:{quote(str(tmp_path))}/%C3%BC:8001"


def test_the_process_that_listens_is_found(listener: str) -> None:
    assert listening_process(listener) == os.getpid()
    assert listening_process(UNKNOWN) is None
    assert listening_process("unix:/nobody/t:8001") is None


@pytest.fixture
def of_another_triton(process: "subprocess.Popen[bytes]", tmp_path: Path) -> Iterator[None]:
    """A process of the same model whose parent is another one."""
    model = tmp_path / MODEL / "1" / "model.py"
    script = f'"{tmp_path / STUB}" "{model}" - & wait'
    other = subprocess.Popen(
        ["/bin/sh", "-c", script], stdin=subprocess.PIPE, start_new_session=True
    )
    eventually(lambda: len(model_processes({MODEL})) == 2, "both processes of the model")
    yield
    os.killpg(other.pid, signal.SIGKILL)
    other.wait()


async def test_the_models_of_another_triton_do_not_count(
    listener: str, process: "subprocess.Popen[bytes]", of_another_triton: None
) -> None:
    processes = ModelProcesses(listener, lambda _: None)
    await processes.follow({MODEL})
    process.kill()
    process.wait()
    assert len(model_processes({MODEL})) == 1
    assert await processes.gone(MODEL)
    processes.close()
