"""Blocking work in a thread: whoever is cancelled waits for it."""

import asyncio
import threading

import pytest

from vdx.core.threads import cancel_all, in_thread


class Work:
    """Blocks a thread until it is let go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self.over = False
        self.discarded: list[str] = []
        self._error = error

    def __call__(self, result: str) -> str:
        self.begun.set()
        assert self.release.wait(10)
        self.over = True
        if self._error is not None:
            raise self._error
        return result


async def begun(work: Work) -> asyncio.Task[str]:
    task = asyncio.create_task(in_thread(work, "result", discard=work.discarded.append))
    assert await asyncio.to_thread(work.begun.wait, 10)
    return task


async def test_the_result_and_the_error_of_a_call() -> None:
    assert await in_thread(str.upper, "result") == "RESULT"
    with pytest.raises(ValueError, match="invalid literal"):
        await in_thread(int, "result")


@pytest.mark.parametrize("cancellations", [1, 3])
async def test_a_cancelled_caller_waits_for_the_thread(cancellations: int) -> None:
    work = Work()
    task = await begun(work)
    for _ in range(cancellations):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    work.release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.over
    assert work.discarded == ["result"]


async def test_the_error_of_a_call_is_the_cause_of_its_cancellation() -> None:
    error = OSError("the disk is gone")
    work = Work(error)
    task = await begun(work)
    task.cancel()
    work.release.set()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    assert cancelled.value.__cause__ is error
    assert work.discarded == []


async def test_a_time_out_comes_after_the_thread_has_returned() -> None:
    work = Work()
    threading.Timer(0.05, work.release.set).start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await in_thread(work, "result")
    assert work.over


def test_the_end_of_the_event_loop_waits_for_the_thread() -> None:
    """All tasks are cancelled then, also whatever `in_thread` waits for."""
    work = Work()
    closed_while_in_use = []

    async def use() -> None:
        try:
            await in_thread(work, "result")
        finally:
            closed_while_in_use.append(not work.over)

    async def main() -> None:
        task = asyncio.create_task(use())
        assert await asyncio.to_thread(work.begun.wait, 10)
        threading.Timer(0.05, work.release.set).start()
        del task

    asyncio.run(main())
    assert closed_while_in_use == [False]


@pytest.mark.parametrize("cancellations", [0, 1, 3])
async def test_tasks_have_ended_when_cancelling_them_has(cancellations: int) -> None:
    release, over = asyncio.Event(), []

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await release.wait()
            over.append(1)

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise OSError("gone")

    tasks = [asyncio.create_task(work()) for work in (slow, failing)]
    await asyncio.sleep(0)
    ending = asyncio.create_task(cancel_all(*tasks))
    await asyncio.sleep(0.01)
    for _ in range(cancellations):
        ending.cancel()
        await asyncio.sleep(0)
    assert not ending.done()
    release.set()
    await asyncio.wait([ending])
    assert ending.cancelled() is bool(cancellations)
    assert over == [1]
    assert isinstance(tasks[1].exception(), OSError)
