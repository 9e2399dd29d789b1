"""What arrives on a socket is parsed in slices, in order, and read no faster than it is parsed."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from tests.wait_limit import WAIT_LIMIT_S
from vdx.transports.realtime import sliced_websocket as wire
from vdx.transports.realtime.sliced_websocket import SlicedWebSocket

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class _Transport(asyncio.Transport):
    """Keeps whether it may read, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = True
        self.closed = False
        self.unread = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: Any) -> None:
        """Nobody reads."""
        self.unread += len(data)


def _frame(payload: bytes, op: int) -> bytes:
    assert len(payload) < 126
    return bytes((op, 0x80 | len(payload), 0, 0, 0, 0)) + payload


async def _opened(
    received: list[Any], wanted: int
) -> tuple[SlicedWebSocket, _Transport, asyncio.Event]:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while len(received) < wanted:
            received.append(await receive())
        complete.set()
        await asyncio.sleep(60)

    complete = asyncio.Event()

    config = Config(app, ws_per_message_deflate=False, ws_ping_interval=None, lifespan="off")
    protocol, transport = SlicedWebSocket(config, ServerState(), {}), _Transport()
    protocol.connection_made(transport)
    protocol.data_received(HANDSHAKE)
    await asyncio.sleep(0.01)
    return protocol, transport, complete


@pytest.mark.parametrize("longest_s", [0.0005, 10.0], ids=["in slices", "at once"])
async def test_messages_come_in_order_and_whole(
    monkeypatch: pytest.MonkeyPatch, longest_s: float
) -> None:
    monkeypatch.setattr(wire, "LONGEST_S", longest_s)
    received: list[Any] = []
    protocol, transport, complete = await _opened(received, 3)
    frames = _frame(b"a", 0x01) + _frame(b"b", 0x00) * 30_000 + _frame(b"c", 0x80)
    data = frames + _frame(b"second", 0x81) + _frame(b"third", 0x81)
    protocol.data_received(data[:100_000])
    if longest_s < 1:
        assert not transport.reading, "it reads on although much is not parsed"
    protocol.data_received(data[100_000:])
    await asyncio.wait_for(complete.wait(), WAIT_LIMIT_S)
    await asyncio.sleep(0.01)
    texts = [message["text"] for message in received]
    assert texts == ["a" + "b" * 30_000 + "c", "second", "third"]
    assert transport.reading
    protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()


async def test_a_long_text_is_handed_on_undecoded() -> None:
    received: list[Any] = []
    protocol, transport, complete = await _opened(received, 3)
    whole = b"\xf0\x9f\x98\x80" + b"x" * wire.LONG_BYTES
    parts = [whole[at : at + 100] for at in range(0, len(whole), 100)]
    frames = _frame(parts[0], 0x01) + b"".join(_frame(part, 0x00) for part in parts[1:])
    protocol.data_received(frames + _frame(b"", 0x80))
    long = bytes((0x81, 0xFF)) + len(whole).to_bytes(8, "big") + bytes(4) + whole
    protocol.data_received(long + _frame("ä".encode(), 0x81))
    await asyncio.wait_for(complete.wait(), 30)
    assert [message.get("utf8") for message in received] == [whole, whole, None]
    assert received[2]["text"] == "ä"
    await asyncio.sleep(0.01)
    assert transport.reading
    protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()


async def test_frames_of_no_byte_take_no_memory() -> None:
    received: list[Any] = []
    protocol, _, complete = await _opened(received, 1)
    protocol.data_received(_frame(b"a", 0x01) + _frame(b"", 0x00) * 20_000)
    async with asyncio.timeout(30):
        while protocol._unparsed:  # noqa: ASYNC110  (it sets no event)
            await asyncio.sleep(0.01)
    assert [len(each) for each in protocol.frames] == [1]
    protocol.data_received(_frame(b"b", 0x80))
    await asyncio.wait_for(complete.wait(), 30)
    assert received[0]["text"] == "ab"
    protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()


async def test_one_slice_of_one_connection_is_parsed_in_each_pass_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frames that many clients complete at the same moment hold the loop one after the other."""
    opened = [await _opened([], 1) for _ in range(5)]
    half = 4 * wire.LONG_BYTES
    for protocol, _, _ in opened:
        protocol.data_received(bytes((0x81, 0xFF)) + (2 * half).to_bytes(8, "big") + bytes(4))
        protocol.data_received(bytes(half))
    await asyncio.sleep(0.1)
    passes = 0
    parsed: list[int] = []

    def parse(self: SlicedWebSocket) -> None:
        parsed.append(passes)
        self._unparsed.clear()

    monkeypatch.setattr(SlicedWebSocket, "_parse", parse)
    for protocol, _, _ in opened:
        protocol.data_received(bytes(half))
    for _ in range(30):
        await asyncio.sleep(0)
        passes += 1
    assert len(parsed) == len(set(parsed)) == 5
    for protocol, _, _ in opened:
        protocol.connection_lost(None)
        for task in protocol.tasks:
            task.cancel()


async def test_a_connection_that_is_lost_is_parsed_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "LONGEST_S", 0.0005)
    received: list[Any] = []
    protocol, _, _ = await _opened(received, 2)
    protocol.data_received(_frame(b"a", 0x01) + _frame(b"b", 0x00) * 30_000)
    protocol.connection_lost(None)
    await asyncio.sleep(0.05)
    assert [message["type"] for message in received] == ["websocket.disconnect"]
    for task in protocol.tasks:
        task.cancel()


async def _until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while not happened():  # noqa: ASYNC110  (what changes is a double's plain field)
            await asyncio.sleep(0.01)


async def test_pings_of_a_client_that_reads_nothing_are_answered_up_to_a_limit() -> None:
    protocol, transport, _ = await _opened([], 1)
    for _ in range(20):
        protocol.data_received(_frame(b"x" * 100, 0x89) * 2_500)
        await asyncio.sleep(0.02)
    await _until(lambda: transport.unread > wire.MOST_UNREAD_BYTES / 2)
    await asyncio.sleep(0.2)
    assert transport.unread < 1.1 * wire.MOST_UNREAD_BYTES
    assert not transport.reading
    transport.unread = 0
    await _until(lambda: transport.unread > 0)  # it goes on when the client reads
    protocol.connection_lost(None)
    for task in protocol.tasks:
        task.cancel()
