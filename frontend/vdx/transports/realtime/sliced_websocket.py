"""uvicorn's WebSocket protocol, made to read in slices.

A frame may have one byte of payload, and the library takes 6 µs for each frame: a quarter of a
megabyte that arrives at once then holds the event loop for 0.25 s, again and again.
"""

import time
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from vdx.transports.unread import UnreadTimer

SLICE_BYTES: Final = 4096
"""700 of the smallest frames."""
LONGEST_S: Final = 0.004
"""Of parsing without letting others run; large frames are done with within it."""
MOST_UNREAD_BYTES: Final = 1024 * 1024
"""Written and not read by the client; beyond it no ping of a client is answered any more."""
AGAIN_S: Final = 0.05
"""Until it is looked again whether such a client reads."""


class SlicedWebSocket(WebSocketsSansIOProtocol):
    """Reads no more from its socket while something that was read is not parsed yet."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unparsed = bytearray()
        self._scheduled = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._unread = UnreadTimer(self.loop, transport)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread.arm()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread.cancel()

    def data_received(self, data: bytes) -> None:
        self._unparsed += data
        if not self._scheduled:
            self._parse()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed.clear()
        self._unread.cancel()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        message = await super().receive()  # which may have begun to read again
        if self._scheduled and not self.transport.is_closing():
            self.transport.pause_reading()
        return message

    @property
    def _is_read(self) -> bool:
        size: int = self.transport.get_write_buffer_size()
        return size < MOST_UNREAD_BYTES

    def _parse(self) -> None:
        began = time.perf_counter()
        while self._unparsed and self._is_read and time.perf_counter() - began < LONGEST_S:
            piece = bytes(self._unparsed[:SLICE_BYTES])
            del self._unparsed[:SLICE_BYTES]
            super().data_received(piece)
        if self.transport.is_closing():
            self._unparsed.clear()
        was_scheduled, self._scheduled = self._scheduled, bool(self._unparsed)
        if self._scheduled:
            self.transport.pause_reading()
            self.loop.call_later(0 if self._is_read else AGAIN_S, self._parse)
        elif was_scheduled and not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
