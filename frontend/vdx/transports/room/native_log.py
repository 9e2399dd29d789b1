"""What LiveKit's native library logs, without a line that says nothing."""

import logging
from typing import Final

UNKNOWN_HANDLE: Final = "Attempted to drop unknown FFI handle"
"""Logged for every room that is left: the library releases one of its own objects twice. Every
handle that Python releases is known to it, so nothing is lost and nobody can mend anything."""


class _WithoutUnknownHandles(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return UNKNOWN_HANDLE not in record.getMessage()


_FILTER: Final = _WithoutUnknownHandles()


def quieten() -> None:
    """Leaves that line out of the log; a second call changes nothing."""
    logging.getLogger("livekit").addFilter(_FILTER)
