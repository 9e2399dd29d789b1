"""Draining: after the process was asked to end, open sessions finish and no new one begins."""

import asyncio
import time
from collections.abc import Mapping

from vdx.core.errors import Draining
from vdx.dialog.session import Session


class Drain:
    """One per process; `timeout_s` of 0 waits without limit."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._began: float | None = None
        self._changed = asyncio.Event()

    @property
    def active(self) -> bool:
        return self._began is not None

    @property
    def seconds_left(self) -> float | None:
        """Seconds until open sessions are closed; None without a limit."""
        if not self._timeout_s:
            return None
        spent = 0.0 if self._began is None else time.monotonic() - self._began
        return round(max(0.0, self._timeout_s - spent), 1)

    def begin(self, sessions: Mapping[str, Session]) -> None:
        """Refuses new sessions from now on; open ones get ServerDraining."""
        self._began = time.monotonic()
        for session in list(sessions.values()):
            session.notify_draining(self.seconds_left)

    @staticmethod
    def refusal() -> Draining:
        """The error of a request for a new session."""
        return Draining("the server is shutting down and takes no new session; connect again")

    def session_ended(self) -> None:
        self._changed.set()

    async def wait(self, sessions: Mapping[str, Session]) -> None:
        """Returns when every session has ended; the caller bounds the wait."""
        while sessions:
            self._changed.clear()
            await self._changed.wait()
