"""Ends a connection whose client has stopped to read what was written to it.

asyncio keeps a closed connection until its write buffer is empty, so a client that never reads
would keep a task, a descriptor and a place among the connections for ever.
"""

import asyncio
from typing import Any, Final

UNREAD_S: Final = 30.0
"""How long a client may read nothing of what waits for it."""


class UnreadTimer:
    """One for each connection; `arm` when something waits, `cancel` when the client has read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: Any) -> None:
        self._loop = loop
        self._transport = transport
        self._handle: asyncio.TimerHandle | None = None

    def arm(self) -> None:
        """Begins to measure anew, if anything waits to be read."""
        self.cancel()
        if unread := self._transport.get_write_buffer_size():  # 0 once the connection is lost
            self._handle = self._loop.call_later(UNREAD_S, self._look, unread)

    def cancel(self) -> None:
        """Measures no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self, before: int) -> None:
        if self._transport.get_write_buffer_size() >= before:
            self._transport.abort()
        else:
            self.arm()
