"""Keeps the leases of this frontend's sessions in step with a model manager elsewhere."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from vdx.core.errors import TritonError
from vdx.core.logs import logger
from vdx.serving.manager_client import ManagerClient
from vdx.serving.residency import Residency

log = logger(__name__)

Lease = tuple[str, str]
"""Session and model."""


class LeaseSync:
    """Sends what changed at once, and renews the rest at every heartbeat.

    What sessions of this frontend start with is leased by the frontend itself. A manager that does
    not answer is asked again at the next heartbeat: calls go on meanwhile.
    """

    def __init__(self, client: ManagerClient, residency: Residency, heartbeat_s: float) -> None:
        self._client = client
        self._residency = residency
        self._heartbeat_s = heartbeat_s
        self._frontend = f"frontend-{secrets.token_hex(6)}"
        self._sent: set[Lease] = set()
        self._changed = asyncio.Event()
        self._failing = False

    def changed(self) -> None:
        """Called when a lease of a session was taken or ended."""
        self._changed.set()

    async def run(self) -> None:
        """Runs until cancelled; what is held then expires at the manager."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self._changed.clear()
            await self._guarded(self._send_changes)
            if loop.time() >= due:
                await self._guarded(self._renew)
                due = loop.time() + self._heartbeat_s
            try:
                async with asyncio.timeout_at(due):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except TritonError as error:
            if not self._failing:
                log.warning("leases not sent to the model manager", error=str(error))
            self._failing = True
        else:
            self._failing = False

    async def _send_changes(self) -> None:
        wanted = self._residency.all_leases()
        wanted |= {(self._frontend, model) for model in self._residency.kept}
        if new := wanted - self._sent:
            await self._client.lease(new)
            self._sent |= new
        if gone := self._sent - wanted:
            await self._client.release(gone)
            self._sent -= gone

    async def _renew(self) -> None:
        sessions = {session for session, _ in self._sent}
        if not sessions:
            return
        if await self._client.renew(sessions) < len(self._sent):
            # The manager was restarted, or did not hear of some for too long.
            await self._client.lease(self._sent)
