"""uvicorn's WebSocket protocol, made to read in slices.

A frame may have one byte of payload, and the library takes 6 µs for each frame: a quarter of a
megabyte that arrives at once then holds the event loop for 0.25 s, again and again. A frame of
16 MB takes 20 ms when its last byte is there, so those of several clients are taken one by one.
"""

import asyncio
import time
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from vdx.core.slices import yield_to_loop
from vdx.transports.unread import UnreadTimer

SLICE_BYTES: Final = 4096
"""700 of the smallest frames."""
LONGEST_S: Final = 0.004
"""Of parsing without letting others run; large frames are done with within it."""
LONG_BYTES: Final = 64 * 1024
"""A longer text is handed on undecoded: one emoji makes four bytes of each of its characters, and
64 MB of them for 16 MB that were sent."""
MOST_UNREAD_BYTES: Final = 1024 * 1024
"""Written and not read by the client; beyond it no ping of a client is answered any more."""
AGAIN_S: Final = 0.05
"""Until it is looked again whether such a client reads."""


class SlicedWebSocket(WebSocketsSansIOProtocol):
    """Reads no more from its socket while something that was read is not parsed yet.

    A text of more than LONG_BYTES arrives as `utf8`, bytes in place of the `text` of ASGI; whether
    they are UTF-8 is not checked then.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._unparsed = bytearray()
        self._parsing: asyncio.Task[None] | None = None

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
        if self._parsing is not None:
            return
        if len(self.conn.reader.buffer) <= LONG_BYTES:  # what there is of a frame
            self._parse()
        if self._unparsed and not self.transport.is_closing():
            self.transport.pause_reading()
            self._parsing = self.loop.create_task(self._parse_on(), name="websocket-parse")
            self.tasks.add(self._parsing)
            self._parsing.add_done_callback(self.tasks.discard)

    def handle_cont(self, event: Frame) -> None:
        """Appends to one buffer: a list of frames of no byte grew without a limit."""
        frames: list[Any] = self.frames
        if type(frames[0]) is not bytearray:
            frames[0] = bytearray(frames[0])
        frames[0] += event.data
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        data = self.frames[0]
        if self.curr_msg_data_type != "text" or len(data) <= LONG_BYTES or self.close_sent:
            super().send_receive_event_to_app()
            return
        self.frames = []
        message: Any = {"type": "websocket.receive", "utf8": data}
        self.queue.put_nowait(message)
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unparsed.clear()
        self._unread.cancel()
        super().connection_lost(exc)

    async def receive(self) -> Any:
        message = await super().receive()  # which may have begun to read again
        if self._parsing is not None and not self.transport.is_closing():
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

    async def _parse_on(self) -> None:
        while self._unparsed:
            await (yield_to_loop() if self._is_read else asyncio.sleep(AGAIN_S))
            self._parse()
        self._parsing = None
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()
