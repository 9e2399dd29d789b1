"""The watchdog measures how long the loop was held, and by whom."""

import asyncio
import time
from typing import Any

import pytest

from vdx.core import loop_watchdog
from vdx.core.metrics import LOOP_STALL, LOOP_STALL_CPU

STALL_S = 0.4


class _Log:
    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def warning(self, _event: str, **values: Any) -> None:
        self.lines.append(values)


def _sum(histogram: Any) -> float:
    return next(s.value for s in histogram.collect()[0].samples if s.name.endswith("_sum"))


def _work() -> None:
    began = time.thread_time()
    while time.thread_time() - began < STALL_S:
        pass


@pytest.mark.parametrize("busy", [True, False], ids=["by work", "by waiting"])
async def test_a_stall_is_measured_and_told(monkeypatch: pytest.MonkeyPatch, busy: bool) -> None:
    log = _Log()
    monkeypatch.setattr(loop_watchdog, "log", log)
    before, cpu_before = _sum(LOOP_STALL), _sum(LOOP_STALL_CPU)
    watching = asyncio.create_task(loop_watchdog.watch_loop())
    await asyncio.sleep(0.05)
    _work() if busy else time.sleep(STALL_S)  # noqa: ASYNC251  (the fault that is looked for)
    await asyncio.sleep(0.05)
    watching.cancel()
    assert _sum(LOOP_STALL) - before >= STALL_S - 0.03
    cpu = _sum(LOOP_STALL_CPU) - cpu_before
    assert cpu >= STALL_S - 0.03 if busy else cpu < STALL_S / 2
    told = max(log.lines, key=lambda line: line["seconds"])
    assert told["seconds"] >= STALL_S - 0.03
