"""The leases of open sessions: a manager evicts no model that one of them uses.

Each is held at the manager of the server that serves the session, and moves with it.
"""

import asyncio
import time
from collections.abc import Callable, Mapping

from vdx.core.metrics import ROUTING_SECONDS
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.serving.manager import ModelManager

Held = frozenset[tuple[str, ModelManager]]
"""Models, each with who keeps it loaded."""


class SessionLeases:
    """One lease per session and model; `sessions` are the open ones, by id.

    `manager_of` tells the manager of the server that a model of a session is on.
    """

    def __init__(
        self,
        manager_of: Callable[[str, str], ModelManager],
        sessions: Mapping[str, Session],
        heartbeat_s: float,
    ) -> None:
        self._manager_of = manager_of
        self._sessions = sessions
        self._heartbeat_s = heartbeat_s
        self._held: dict[str, Held] = {}

    def follow(self, session: str, options: SessionOptions) -> None:
        """Leases what a session with `options` uses, and releases what it no longer does.

        One that has ended leases nothing: a switch may end after its session.
        """
        if session not in self._sessions:
            return
        models = {model for model, _ in options.models}
        models |= {options.endpointer} - {""}
        self._hold(session, frozenset((each, self._manager_of(session, each)) for each in models))

    def end(self, session: str) -> None:
        """Releases all leases of a session."""
        self._hold(session, frozenset())

    def _hold(self, session: str, held: Held) -> None:
        before = self._held.pop(session, frozenset())
        for model, manager in held - before:
            manager.leases.take(session, model)
        for model, manager in before - held:
            manager.leases.release(session, model)
        if held:
            self._held[session] = held

    async def run(self) -> None:
        """Renews the leases of the open sessions until cancelled."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            began = time.thread_time()
            for session in list(self._sessions.values()):
                self._renew(session)
            ROUTING_SECONDS.labels("leases").inc(time.thread_time() - began)

    def _renew(self, session: Session) -> None:
        held = self._held.get(session.id, frozenset())
        for manager in {manager for _, manager in held}:
            count = sum(each is manager for _, each in held)
            if manager.leases.renew(session.id) < count:  # this process stood still
                del self._held[session.id]
                self.follow(session.id, session.options)
                return
