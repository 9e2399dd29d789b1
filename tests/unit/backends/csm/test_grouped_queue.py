"""Whose turn it is does not hang on when each of those that wait looks at the clock."""

import threading
import time
from types import SimpleNamespace

import pytest

from triton_backends.csm import grouped_queue
from triton_backends.csm.grouped_queue import GroupedQueue

WAIT_S = 5


def test_one_that_gets_urgent_meanwhile_leaves_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the clock of one the other is next, and the other way round."""
    clocks = {"other": 0.0, "same": 99.9}
    clock = SimpleNamespace(monotonic=lambda: clocks.get(threading.current_thread().name, 0.0))
    monkeypatch.setattr(grouped_queue, "time", clock)
    queue, done = GroupedQueue(), list[str]()

    def compute(due: float, group: str) -> None:
        with queue.slot(due, group):
            done.append(group)

    waiting = [
        threading.Thread(target=compute, args=(due, group), name=group, daemon=True)
        for group, due in (("other", 100.0), ("same", 200.0))
    ]
    with queue.slot(None, "same"):
        for thread in waiting:
            thread.start()
        while queue.waiting < len(waiting):
            time.sleep(0.001)
    for thread in waiting:
        thread.join(WAIT_S)
    assert done == ["same", "other"]
    assert not queue.waiting
