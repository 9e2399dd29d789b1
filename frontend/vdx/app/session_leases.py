"""The leases of open sessions: the manager evicts no model that one of them uses."""

import asyncio
from collections.abc import Mapping

from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session import Session
from vdx.serving.manager import ModelManager


class SessionLeases:
    """One lease per session and model; `sessions` are the open ones, by id."""

    def __init__(
        self, manager: ModelManager, sessions: Mapping[str, Session], heartbeat_s: float
    ) -> None:
        self._manager = manager
        self._sessions = sessions
        self._heartbeat_s = heartbeat_s
        self._held: dict[str, frozenset[str]] = {}

    def follow(self, session: str, options: SessionOptions) -> None:
        """Leases what a session with `options` uses, and releases what it no longer does.

        One that has ended leases nothing: a switch may end after its session.
        """
        if session not in self._sessions:
            return
        models = {model for model, _ in options.models}
        models |= {options.endpointer} - {""}
        self._hold(session, frozenset(models))

    def end(self, session: str) -> None:
        """Releases all leases of a session."""
        self._hold(session, frozenset())

    def _hold(self, session: str, models: frozenset[str]) -> None:
        before = self._held.pop(session, frozenset())
        for model in models - before:
            self._manager.lease(session, model)
        for model in before - models:
            self._manager.release(session, model)
        if models:
            self._held[session] = models

    async def run(self) -> None:
        """Renews the leases of the open sessions until cancelled."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            for session in list(self._sessions.values()):
                held = self._held.get(session.id, frozenset())
                if self._manager.renew(session.id) < len(held):  # this process stood still
                    del self._held[session.id]
                    self.follow(session.id, session.options)
