"""The embedded server as a process: address, readiness, death, and leaving nothing behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.triton.wire import Wire
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import PortTaken, SetupError, TritonUnavailable
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.scratch import SHARED_MEMORY

Build = Callable[[], EmbeddedOptions]


def processes_of(group: int) -> list[int]:
    """Living processes of a process group, zombies not counted."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, pgrp = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(pgrp) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


async def gone(group: int) -> bool:
    """Whether no process of the group is left within 15 s."""
    for _ in range(300):
        if not processes_of(group):
            return True
        await asyncio.sleep(0.05)
    return False


def regions(server: EmbeddedTriton) -> list[Path]:
    """This server's own, because others may run on the machine."""
    return list(SHARED_MEMORY.glob(f"{server._region_prefix}*"))


async def test_it_starts_serves_and_leaves_nothing(triton_options: Build) -> None:
    async with EmbeddedTriton(triton_options()) as server:
        group = server.pid
        assert group is not None
        async with Wire(server.grpc_url) as wire:
            await wire.load("tone")
            assert (await wire.speak("tone", "hello"))[-1].final
        assert regions(server)
        log = server.log_file
        assert log.exists()
    assert not server.running
    assert not regions(server)
    assert not log.exists()
    assert await gone(group)


async def test_an_exit_is_detected_and_the_restart_keeps_the_address(triton_options: Build) -> None:
    async with EmbeddedTriton(triton_options()) as server:
        url, metrics, group = server.grpc_url, server.metrics_url, server.pid
        assert group is not None
        async with Wire(server.grpc_url) as wire:
            await wire.load("tone")
        os.kill(group, signal.SIGKILL)
        async with asyncio.timeout(WAIT_LIMIT_S):
            assert await server.died() == -signal.SIGKILL
        # The model process follows its server by itself.
        assert await gone(group)
        left_behind = regions(server)
        assert left_behind
        await server.restart()
        assert not any(path.exists() for path in left_behind)
        assert (server.grpc_url, server.metrics_url) == (url, metrics)
        async with Wire(server.grpc_url) as wire:
            await wire.load("tone")
            assert (await wire.speak("tone", "hello"))[-1].final
    assert not regions(server)


async def test_a_model_process_that_hangs_does_not_outlive_its_server(
    triton_options: Build,
) -> None:
    async with EmbeddedTriton(triton_options()) as server:
        group = server.pid
        assert group is not None
        async with Wire(server.grpc_url) as wire:
            await wire.load("tone")
        hanging = [pid for pid in processes_of(group) if pid != group]
        assert hanging
        for pid in hanging:
            os.kill(pid, signal.SIGSTOP)  # as one that waits with the interpreter's lock held
        os.kill(group, signal.SIGKILL)
        assert await server.died() == -signal.SIGKILL
        assert await gone(group)


PARENT = """
import asyncio, sys
from vdx.serving.embedded import *
from tests.wait_limit import WAIT_LIMIT_S
from tests.triton.wire import Wire
async def main():
    options = EmbeddedOptions(*map(Path, sys.argv[1:4]))
    server = EmbeddedTriton(options)
    await server.start()
    async with Wire(server.grpc_url) as wire:
        await wire.load("tone")
    print(server.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_it_does_not_outlive_a_killed_parent(triton_options: Build) -> None:
    options = triton_options()
    paths = [options.triton_python, options.model_repository, options.families]
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        *(str(path) for path in paths),
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    group = int(await parent.stdout.readline())
    assert len(processes_of(group)) >= 2
    parent.kill()
    await parent.wait()
    assert await gone(group)


async def test_a_port_given_explicitly_and_taken_is_an_error(triton_options: Build) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedTriton(replace(triton_options(), metrics_port=port))
        with pytest.raises(PortTaken, match=str(port)):
            await server.start()
    assert not server.running


async def test_a_missing_environment_says_how_to_build_it(triton_options: Build) -> None:
    server = EmbeddedTriton(replace(triton_options(), triton_python=Path("/nowhere/bin/python")))
    with pytest.raises(SetupError, match="vdx setup"):
        await server.start()
    without = EmbeddedTriton(replace(triton_options(), triton_python=Path(sys.executable)))
    with pytest.raises(SetupError, match="nvidia-pytriton"):
        await without.start()


async def test_a_server_that_ends_at_once_shows_its_log(triton_options: Build) -> None:
    options = replace(triton_options(), model_repository=Path("/nowhere"))
    with pytest.raises(TritonUnavailable, match="nowhere"):
        await EmbeddedTriton(options).start()


async def test_what_was_not_started_has_no_address(triton_options: Build) -> None:
    server = EmbeddedTriton(triton_options())
    with pytest.raises(TritonUnavailable):
        _ = server.grpc_url
    assert await server.stop() is None
    assert server.log_tail() == ""
