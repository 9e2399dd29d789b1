"""How many connections the server holds, and which one gives way to a new one.

Connections stay below the limit of descriptors, because a process without a free one cannot start
or load anything. At the limit, the connection that has waited longest without a whole request
gives way to a new one, so whoever only connects keeps nobody out; sessions and requests under way
never do. A few places beyond the limit are for health checks alone.
"""

import asyncio
import errno
import time
from typing import Any, Final, Protocol

from vdx.core.logs import logger

log = logger(__name__)

RESERVED_DESCRIPTORS: Final = 128
"""For Triton, models, files and connections to chat servers, or a quarter of all where more."""
LEAST_CONNECTIONS: Final = 16
HEALTH_PLACES: Final = 16
ACCEPTED_AT_ONCE: Final = 32
"""Connections that the event loop accepts before it does anything else."""
TOLD_EVERY_S: Final = 60.0
NO_DESCRIPTOR: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Waiting(Protocol):
    """A connection that may be ended at any time."""

    def drop(self) -> None: ...


class ConnectionLimits:
    """Shared by all connections of one server; `limit` is how many may do any work at once."""

    def __init__(self, descriptors: int, timeout_s: float) -> None:
        """`descriptors` is the limit of the process, `timeout_s` how long a request may stall."""
        reserved = max(RESERVED_DESCRIPTORS, descriptors // 4)
        self.limit = max(LEAST_CONNECTIONS, descriptors - reserved)
        self.timeout_s = timeout_s
        self._waiting: dict[Waiting, None] = {}
        self._told = Throttle()

    def waits(self, connection: Waiting) -> None:
        """`connection` has no request under way; the longest wait comes first."""
        self._waiting.pop(connection, None)
        self._waiting[connection] = None

    def works(self, connection: Waiting) -> None:
        """`connection` has a whole request, or is gone."""
        self._waiting.pop(connection, None)

    def make_room(self, connections: int) -> bool:
        """Called with the number of connections, the new one included; False refuses that one."""
        if connections <= self.limit:
            return True
        if self._told.may():
            log.warning("connections are at their limit", limit=self.limit)
        if self._waiting:
            oldest = next(iter(self._waiting))
            del self._waiting[oldest]
            oldest.drop()
            return True
        return connections <= self.limit + HEALTH_PLACES


class Throttle:
    """Lets something be told once a minute."""

    def __init__(self) -> None:
        self._next = 0.0

    def may(self) -> bool:
        """True, and then False for a minute."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + TOLD_EVERY_S
        return True


def tell_accept_errors_once(loop: asyncio.AbstractEventLoop) -> None:
    """Keeps the event loop from logging a traceback for every connection it cannot accept."""
    throttle = Throttle()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not (isinstance(error, OSError) and error.errno in NO_DESCRIPTOR):
            loop.default_exception_handler(context)
        elif throttle.may():
            log.error("connections cannot be accepted", error=error.strerror)

    loop.set_exception_handler(handle)
