"""Session updates, and what depends on them, in the order they were sent.

An update that loads a model does not stop the reading: audio is heard meanwhile, and a reply can be
cancelled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from vdx.core.errors import SessionLimit, VdxError
from vdx.transports.realtime.schema import SessionUpdate

MAX_PENDING = 16
"""Events that may wait while a model loads."""


class SessionUpdates:
    """`take` every update; those that have to wait are applied by a task.

    `apply` makes an update effective and raises a VdxError where it is refused; `loads` says
    whether it needs a model that is not loaded; `refused` is called with the error of an update
    that was applied later, and the client's id of its event; `spawn` starts a task.
    """

    def __init__(
        self,
        apply: Callable[[SessionUpdate], Awaitable[None]],
        loads: Callable[[SessionUpdate], bool],
        refused: Callable[[VdxError, str | None], None],
        spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], asyncio.Task[None]],
    ) -> None:
        self._apply = apply
        self._loads = loads
        self._refused = refused
        self._spawn = spawn
        self._pending: deque[tuple[Callable[[], Awaitable[None]], str | None]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()

    async def take(self, update: SessionUpdate, event_id: str | None) -> None:
        """Applies an update, at once where no model has to be loaded for it or for one before it.

        Raises:
            SessionLimit: MAX_PENDING updates wait already.
            VdxError: an update that was applied at once is refused.
        """
        if self._task is None and not self._loads(update):
            await self._apply(update)
            return
        self.begin(partial(self._apply, update), event_id)

    async def follow(self, work: Callable[[], Awaitable[None]], event_id: str | None) -> None:
        """Does the work of another event: at once, or after the updates that wait before it.

        Where MAX_PENDING events wait already, it waits until one of them is done, and the client
        is not read: one that restores a conversation sends any number of items.

        Raises:
            VdxError: the work was done at once and failed.
        """
        while len(self._pending) >= MAX_PENDING:
            self._room.clear()
            await self._room.wait()
        if self._task is None:
            await work()
        else:
            self._wait(work, event_id)

    def begin(self, work: Callable[[], Awaitable[None]], event_id: str | None) -> None:
        """Does work in the task: what follows waits for it, and the client is read meanwhile.

        Where the task itself begins it, it comes before all that waits already.

        Raises:
            SessionLimit: MAX_PENDING events wait already.
        """
        if self._task is not None and self._task is asyncio.current_task():
            self._pending.appendleft((work, event_id))
            return
        self._wait(work, event_id)
        if self._task is None:
            self._task = self._spawn(self._work)

    def _wait(self, work: Callable[[], Awaitable[None]], event_id: str | None) -> None:
        if len(self._pending) >= MAX_PENDING:
            raise SessionLimit(
                f"{MAX_PENDING} events wait for a model to load; send this one again "
                "after the next session.updated"
            )
        self._pending.append((work, event_id))

    def cancel(self) -> None:
        """Drops what waits, and the update that is being applied."""
        self._pending.clear()
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            while self._pending:
                work, event_id = self._pending.popleft()
                self._room.set()
                try:
                    await work()
                except VdxError as error:
                    self._refused(error, event_id)
        finally:
            self._task = None
