"""What the clients of the WebSocket (`realtime.py`) and of rooms (`room.py`) have in common."""

import asyncio
from collections.abc import Callable

from vdx.client.log import ConversationLog, Event
from vdx.core.errors import ConnectionLost


class ClientConnection:
    """One conversation: its log, its last session event, and waiting for what is received.

    `rate` is that of the audio sent and heard, in Hz. `on_event` gets every server event and its
    time of arrival, in `time.monotonic()` seconds.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.log = ConversationLog()
        self.session: Event = {}
        self.ready_ms = 0.0
        self.on_event: Callable[[Event, float], None] | None = None
        self._changed = asyncio.Event()
        self._lost: str | None = None

    @property
    def lost(self) -> str | None:
        """Why the connection ended; None while it is open."""
        return self._lost

    async def wait_for(self, happened: Callable[[], bool], seconds: float = 30.0) -> None:
        """Returns once `happened()` holds, which is checked after every event.

        Raises:
            TimeoutError: it did not within `seconds`.
            ConnectionLost: the connection ended first.
        """
        async with asyncio.timeout(seconds):
            while not happened():
                if self._lost is not None:
                    raise ConnectionLost(self._lost)
                self._changed.clear()
                await self._changed.wait()
