"""Ending a child process: by force where it must be, and without holding the event loop."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from vdx.serving import livekit, subprocesses
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.livekit import DevelopmentLiveKit
from vdx.serving.scratch import Scratch

STUBBORN = "import signal, time; signal.signal(15, 1); print(flush=True); time.sleep(60)"


class SlowChild(subprocess.Popen[bytes]):
    """Does not end when it is asked to, and is waited for until the event loop lets it go."""

    def __init__(self, loop: "Loop") -> None:
        command = [sys.executable, "-I", "-S", "-c", STUBBORN]
        super().__init__(command, start_new_session=True, stdout=subprocess.PIPE)
        assert self.stdout is not None
        self.stdout.readline()
        self._event_loop = loop

    def wait(self, timeout: float | None = None) -> int:
        self._event_loop.blocked("wait")
        return super().wait(timeout)


class SlowScratch(Scratch):
    """Is removed slowly."""

    def __init__(self, loop: "Loop", real: Scratch) -> None:
        super().__init__(real.folder, real.region_prefix, real.lock)
        self._event_loop = loop

    def remove(self) -> None:
        self._event_loop.blocked("remove")
        super().remove()


class Loop:
    """Lets blocking work go on for as long as the event loop runs beside it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._begun, self._go_on = threading.Event(), threading.Event()

    def blocked(self, name: str) -> None:
        """Called by the work: returns when the loop has run, fails where it is held instead."""
        self._go_on.clear()
        self._begun.set()
        assert self._go_on.wait(10), f"{name} holds the event loop"
        self.seen.append(name)

    async def run(self) -> None:
        while True:
            if self._begun.is_set():
                self._begun.clear()
                self._go_on.set()
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Loop]:
    loop = Loop()
    task = asyncio.create_task(loop.run())
    yield loop
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _triton(monkeypatch: pytest.MonkeyPatch) -> EmbeddedTriton:
    nowhere = Path("nowhere")
    return EmbeddedTriton(EmbeddedOptions(nowhere, nowhere, nowhere, stop_timeout_s=0.05))


def _livekit(monkeypatch: pytest.MonkeyPatch) -> DevelopmentLiveKit:
    monkeypatch.setattr(livekit, "STOP_S", 0.05)
    return DevelopmentLiveKit(Path("nowhere"))


@pytest.mark.parametrize("server_of", [_triton, _livekit])
async def test_stopping_a_server_does_not_hold_the_loop(
    monkeypatch: pytest.MonkeyPatch, server_of: Any
) -> None:
    server = server_of(monkeypatch)
    async with running() as loop:
        child = SlowChild(loop)
        scratch = SlowScratch(loop, Scratch.create("test"))
        server._process, server._scratch = child, scratch
        await server.stop()
    assert loop.seen == ["wait", "remove"]
    assert child.returncode == -9
    assert not scratch.folder.exists()


async def test_what_is_left_without_a_process_does_not_hold_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for server in (_triton(monkeypatch), _livekit(monkeypatch)):
        async with running() as loop:
            server._scratch = SlowScratch(loop, Scratch.create("test"))
            await server.stop()
        assert loop.seen == ["remove"]


async def test_a_cancelled_end_ends_everything() -> None:
    cleaned = threading.Event()
    async with running() as loop:
        child = SlowChild(loop)
        ending = asyncio.create_task(subprocesses.end_group(child, 60, cleaned.set))
        await asyncio.sleep(0.05)
        for _ in range(3):
            ending.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([ending])
    assert ending.cancelled()
    assert child.returncode == -9
    assert cleaned.is_set()


async def test_one_that_ends_when_asked_is_not_killed() -> None:
    child = _polite_child()
    assert await subprocesses.end_group(child, 60, lambda: None) == 7


def _polite_child() -> subprocess.Popen[bytes]:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(7)); print(flush=True)"
    command = [sys.executable, "-I", "-S", "-c", f"{code}; signal.pause()"]
    child = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child
