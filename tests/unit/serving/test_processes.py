"""Model processes on this machine: found by their command line, followed to their end."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vdx.serving.backend_dir import STUB
from vdx.serving.model_processes import ModelProcesses, model_processes

MODEL = f"model-{os.getpid()}"


@pytest.fixture
def process(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that looks like that of a model; it ends when its input does."""
    stub = tmp_path / STUB
    stub.symlink_to("/bin/cat")
    model = tmp_path / MODEL / "1"
    model.mkdir(parents=True)
    os.mkfifo(model / "model.py")
    child = subprocess.Popen([stub, model / "model.py", "-"], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.wait()


def test_a_model_is_found_by_its_name(process: "subprocess.Popen[bytes]") -> None:
    assert model_processes({MODEL, "other"}) == {process.pid: MODEL}
    assert model_processes({"other"}) == {}


async def test_the_end_of_a_process_is_told_once(process: "subprocess.Popen[bytes]") -> None:
    told: list[str] = []
    ended = asyncio.Event()

    def tell(name: str) -> None:
        told.append(name)
        ended.set()

    processes = ModelProcesses(tell)
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
    processes = ModelProcesses(told.append)
    await processes.follow({MODEL})
    processes.close()
    process.kill()
    await asyncio.sleep(0.05)
    assert told == []
