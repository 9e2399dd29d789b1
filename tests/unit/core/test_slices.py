"""Long work of many tasks leaves the event loop to the others after every slice."""

import asyncio

from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.slices import yield_to_loop

SLICES = 5


async def test_of_many_tasks_one_works_between_two_passes_of_the_loop() -> None:
    passes = 0
    worked: list[int] = []

    async def count() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    async def work() -> None:
        for _ in range(SLICES):
            await yield_to_loop()
            worked.append(passes)

    counting = asyncio.create_task(count())
    await asyncio.gather(*(work() for _ in range(10)))
    counting.cancel()
    assert len(worked) == 10 * SLICES
    assert len(set(worked)) == len(worked), "two slices without a pass of the loop between them"


async def test_a_task_that_is_cancelled_in_line_lets_the_next_one_go_on() -> None:
    waiting = [asyncio.create_task(yield_to_loop()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()
    _, pending = await asyncio.wait(waiting, timeout=WAIT_LIMIT_S)
    assert not pending
    assert [task.cancelled() for task in waiting] == [True, True, False]
