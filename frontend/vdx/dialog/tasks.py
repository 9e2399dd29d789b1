"""The tasks of one session: all in one task group; an unexpected exception ends one task only."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from vdx.core.errors import ModelFailed, VdxError
from vdx.core.log_ids import LogIds, logged_as
from vdx.core.logs import logger

log = logger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]
OnError = Callable[[VdxError], None]


class SessionTasks:
    """Starts tasks in `group`, which the session sets while it runs; `ids` are its own."""

    def __init__(self, ids: LogIds) -> None:
        self.ids = ids
        self.group: asyncio.TaskGroup | None = None

    def spawn(
        self, work: Work, name: str, on_error: OnError, ids: LogIds | None = None
    ) -> asyncio.Task[None] | None:
        """Runs `work` in a task; None where the session is over and nothing may start any more.

        `ids`, where given, replace the session's own in its lines and spans.
        `on_error` is called with the ModelFailed that stands for an exception of `work`.
        """
        if self.group is None:
            return None
        with logged_as(ids or self.ids):
            work_and_guard = _guard(work, on_error)
            return self.group.create_task(work_and_guard, name=f"{self.ids.session}-{name}")


async def _guard(work: Work, on_error: OnError) -> None:
    try:
        await work()
    except Exception as error:  # a task's root: a fault in one reply must not end the session
        log.exception("task failed")
        on_error(ModelFailed(f"internal error: {type(error).__name__}: {error}"))
