"""An event loop on virtual time: when every task waits, the clock jumps to the next timer.

Seconds of conversation take milliseconds, every sleep is exact, and a deadlock is an error at
once instead of a test that hangs.
"""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from vdx.speech.text.normalise import prepare

START = 1000.0
LANGUAGES = ("en", "de")
"""Those of the conversations of these tests."""


class Deadlock(RuntimeError):
    """Every task waits and no timer will ever wake one."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never blocks: reports how long it would have."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` moves only when nothing else can happen."""

    def __init__(self) -> None:
        self._now = START
        super().__init__(_JumpingSelector(self._jump))

    def time(self) -> float:
        return self._now

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            raise Deadlock("every task waits for another")
        self._now += timeout


def on_virtual_time(
    test: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Runs an async test on a VirtualLoop and checks that it leaves no task behind."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        for language in LANGUAGES:
            prepare(language)  # a thread would do it in the test, on no virtual time
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(_leaving_nothing(test(*args, **kwargs)))

    return run


async def _leaving_nothing(test: Coroutine[Any, Any, None]) -> None:
    await test
    await asyncio.sleep(0)  # generators that were dropped close in a task of their own
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left: {sorted(task.get_name() for task in left)}"
