"""The tasks of one session: all in one task group; an unexpected exception ends one task only."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from vdx.core.errors import ModelFailed, VdxError
from vdx.core.logs import logger

log = logger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]
OnError = Callable[[VdxError], None]


class SessionTasks:
    """Starts tasks in `group`, which the session sets while it runs."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self.group: asyncio.TaskGroup | None = None

    def spawn(self, work: Work, name: str, on_error: OnError) -> asyncio.Task[None] | None:
        """Runs `work` in a task; None where the session is over and nothing may start any more.

        `on_error` is called with the ModelFailed that stands for an exception of `work`.
        """
        if self.group is None:
            return None
        return self.group.create_task(_guard(work, on_error), name=f"{self._session_id}-{name}")


async def _guard(work: Work, on_error: OnError) -> None:
    try:
        await work()
    except Exception as error:  # a task's root: a fault in one reply must not end the session
        log.exception("task failed")
        on_error(ModelFailed(f"internal error: {type(error).__name__}: {error}"))
