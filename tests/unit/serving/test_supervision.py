"""A server that ends, hangs or cannot be started, supervised."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from vdx.serving import supervision
from vdx.serving.supervision import LONGEST_DELAY_S, SILENT_S, Supervisor


class FakeServer:
    """Ends when told to; `failures` are what its next starts end with."""

    def __init__(self) -> None:
        self.pid: int | None = 4_000_000
        self.starts = 0
        self.failures: list[Exception] = []
        self._end = asyncio.Event()

    def end(self) -> None:
        self.pid = None
        self._end.set()

    async def died(self) -> int:
        await self._end.wait()
        return -9

    async def restart(self) -> None:
        self.starts += 1
        if self.failures:
            raise self.failures.pop(0)
        self.pid = 4_000_000 + self.starts
        self._end.clear()

    def log_tail(self) -> str:
        return "one\nlast"


@asynccontextmanager
async def supervised(server: FakeServer, told: list[str], **more: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(Supervisor("Triton", server, told.append, **more).run())
    yield
    assert not task.done(), task.exception()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _started(server: FakeServer, starts: int) -> None:
    async with asyncio.timeout(600):
        while server.starts < starts or server.pid is None:  # noqa: ASYNC110  (it sets no event)
            await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("FIRST_DELAY_S", 0.01), ("LONGEST_DELAY_S", 0.02), ("PERIOD_S", 0.01)):
        monkeypatch.setattr(supervision, name, seconds)


async def test_a_server_that_ended_is_started_again() -> None:
    server, told, changes = FakeServer(), [], []
    async with supervised(server, told, changed=lambda: changes.append(server.pid)):
        await asyncio.sleep(0)
        server.end()
        await _started(server, 1)
        await asyncio.sleep(0.05)
    assert told == ["Triton ended with code -9; restarting it"]
    assert changes == [None, 4_000_001]


async def test_a_server_whose_work_others_do_leaves_them_the_machine_first() -> None:
    server, asked = FakeServer(), list[int | None]()

    def rest_s() -> float:
        asked.append(server.pid)
        return 3600.0 if len(asked) > 1 else 0.01

    async with supervised(server, [], rest_s=rest_s):
        await asyncio.sleep(0)
        server.end()
        await _started(server, 1)
        await asyncio.sleep(0.05)
        server.end()
        await asyncio.sleep(0.1)
        assert server.starts == 1
    assert asked == [None, None], "each time when it has ended"


async def test_each_kind_of_failure_is_told_once_and_tried_again() -> None:
    server, told = FakeServer(), []
    full = [OSError(errno.ENOSPC, f"full {n}") for n in range(5)]
    server.failures = [*full, BrokenPipeError(errno.EPIPE, "broken"), RuntimeError("no thread")]
    async with supervised(server, told):
        await asyncio.sleep(0)
        server.end()
        await _started(server, 8)
        await asyncio.sleep(0.05)
    failures = [line for line in told if "did not start" in line]
    assert len(failures) == 3
    assert "full 0" in failures[0]
    assert told[-1] == "Triton runs again"


async def test_a_server_that_answers_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    server, told, asked = FakeServer(), [], []
    killed = []

    def kill(group: int, _number: int) -> None:
        killed.append(group)
        server.end()

    async def is_live(timeout_s: float) -> bool:
        asked.append(timeout_s)
        await asyncio.sleep(0.001)
        return bool(killed)

    monkeypatch.setattr(supervision, "signal_group", kill)
    async with supervised(server, told, is_live=is_live):
        await _started(server, 1)
    assert killed == [4_000_000]
    assert asked[0] == SILENT_S
    assert told[0] == "Triton has not answered for 5 s; ending it"


async def test_one_missed_answer_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    server, told, answers = FakeServer(), [], iter([True, False, True, True] * 50)

    async def is_live(_timeout_s: float) -> bool:
        await asyncio.sleep(0)
        return next(answers, True)

    monkeypatch.setattr(supervision, "signal_group", lambda *_: pytest.fail("ended"))
    async with supervised(server, told, is_live=is_live):
        await asyncio.sleep(0.3)
    assert not told


def test_the_delay_between_two_starts_is_bounded() -> None:
    delay = 0.0
    for _ in range(20):
        delay = supervision._longer(delay)
    assert delay <= LONGEST_DELAY_S
