"""What strangers send without end, or do not send at all, takes neither memory nor places."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.wait_limit import WAIT_LIMIT_S
from vdx.transports.http import connection_limits as limits_module
from vdx.transports.http import protocol as protocol_module
from vdx.transports.http.connection_limits import (
    ConnectionLimits,
    Throttle,
    tell_accept_errors_once,
)
from vdx.transports.http.protocol import (
    MAX_HEADER_BYTES,
    MOST_PIPELINED,
    LimitedHttp,
    LimitedWebSocket,
)

STALL_S = 0.8
SLOW_S = 2.4
"""The same where nobody may be taken for stalled, on a busy machine either."""
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


@pytest.fixture(autouse=True)
def _quick_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_module, "REFUSED_S", 0.2)


class Server:
    """A small application behind the real protocol; `left` names requests whose client left."""

    def __init__(self, limit: int, stall_s: float) -> None:
        self.limits = ConnectionLimits(limit + limits_module.RESERVED_DESCRIPTORS, stall_s)
        assert self.limits.limit == limit
        self.stall_s = stall_s
        self.left: list[str] = []
        self.release = asyncio.Event()
        routes = [
            Route("/", self._ok, methods=["GET", "POST"]),
            Route("/healthz", self._ok),
            Route("/unread", self._ok, methods=["POST"]),
            Route("/body", self._body, methods=["POST"]),
            Route("/slow", self._slow),
            Route("/slow-body", self._slow_body, methods=["POST"]),
            WebSocketRoute("/ws", self._socket),
        ]
        self.app = Starlette(routes=routes)
        self.port = 0

    async def _ok(self, _request: Request) -> Response:
        return PlainTextResponse("ok")

    async def _body(self, request: Request) -> Response:
        try:
            return PlainTextResponse(str(len(await request.body())))
        except ClientDisconnect:
            self.left.append("body")
            raise

    async def _slow(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[str]:
            yield "begun"
            await self.release.wait()

        return StreamingResponse(pieces())

    async def _slow_body(self, request: Request) -> Response:
        await asyncio.sleep(1.25 * self.stall_s)
        return PlainTextResponse(str(len(await request.body())))

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(Exception):
            while True:
                await socket.send_text(await socket.receive_text())

    async def connect(self, sent: bytes | str = b"") -> "Client":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = Client(reader, writer)
        await client.send(sent)
        return client


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes | str) -> None:
        self._writer.write(data.encode() if isinstance(data, str) else data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def answer(self) -> str:
        """Everything until the server hangs up."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            with contextlib.suppress(ConnectionError):
                return (await self._reader.read(-1)).decode(errors="replace")
            return ""

    async def piece(self) -> str:
        async with asyncio.timeout(WAIT_LIMIT_S):
            return (await self._reader.read(65_536)).decode(errors="replace")

    def is_open(self) -> bool:
        return not self._reader.at_eof() and self._reader.exception() is None

    def close(self) -> None:
        self._writer.close()


@contextlib.asynccontextmanager
async def serving(limit: int = 64, stall_s: float = STALL_S) -> AsyncIterator[Server]:
    server = Server(limit, stall_s)
    protocol: Any = partial(LimitedHttp, limits=server.limits)
    config = uvicorn.Config(
        server.app,
        port=0,
        http=protocol,
        ws=LimitedWebSocket,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    task = asyncio.create_task(running.serve())
    try:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not running.started:  # noqa: ASYNC110  (uvicorn has no event for it)
                await asyncio.sleep(0.01)
        server.port = running.servers[0].sockets[0].getsockname()[1]
        yield server
    finally:
        server.release.set()
        running.should_exit = True
        await task


GET = "GET / HTTP/1.1\r\nHost: x\r\n"
POST = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    "begin",
    [
        GET + "X: ",
        GET + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(70)),
        GET + "".join(f"X-{n}: {'y' * 1000}\r\n" for n in range(70)) + "\r\n",
        "GET /",
        GET + UPGRADE + "X: ",
        GET.replace("/", "/ws", 1) + UPGRADE + "".join(f"X{n}: {'y' * 999}\r\n" for n in range(70)),
        "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: ",
        "POST /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;extension=",
        "\r\n",
    ],
)
async def test_headers_without_end_are_refused(begin: str) -> None:
    async with serving() as server:
        client = await server.connect(begin)
        for _ in range(64):
            await client.send(b"\r\n" * 8192 if begin == "\r\n" else b"y" * 16_384)
        answer = await client.answer()
        assert answer.startswith("HTTP/1.1 431 "), answer[:200]
        assert '"code":"headers_too_large"' in answer


async def test_headers_within_the_limit_are_taken() -> None:
    async with serving() as server:
        client = await server.connect(f"{GET}Connection: close\r\nX: {'y' * 60_000}\r\n\r\n")
        assert (await client.answer()).startswith("HTTP/1.1 200 ")
        assert MAX_HEADER_BYTES > 60_000


@pytest.mark.parametrize("drip", ["", "X-{}: y\r\n"])
@pytest.mark.parametrize("begin", [GET, GET + UPGRADE, "G", "\r\n"])
async def test_headers_that_take_too_long_are_refused(begin: str, drip: str) -> None:
    async with serving() as server:
        client = await server.connect(begin)
        answer = asyncio.create_task(client.answer())
        for number in range(1000):
            if answer.done():
                break
            if drip and begin.startswith("GET"):
                await client.send(drip.format(number))
            await asyncio.sleep(STALL_S / 10)
        assert (await answer).startswith("HTTP/1.1 408 ")


async def test_a_silent_connection_is_ended() -> None:
    async with serving() as server:
        assert await (await server.connect()).answer() == ""


@pytest.mark.parametrize(("path", "status"), [("/body", "408"), ("/unread", "200")])
async def test_a_body_that_stalls_is_ended(path: str, status: str) -> None:
    async with serving() as server:
        client = await server.connect(POST.format(path) + "a")
        answer = await client.answer()
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert server.left == (["body"] if path == "/body" else [])


async def test_a_body_nobody_wants_is_not_taken_for_ever() -> None:
    async with serving() as server:
        client = await server.connect(POST.format("/unread"))
        answer = asyncio.create_task(client.answer())
        for _ in range(160):
            if answer.done():
                break
            await client.send("a")
            await asyncio.sleep(STALL_S / 8)
        assert (await answer).startswith("HTTP/1.1 200 ")


async def test_a_slow_body_and_a_slow_application_are_waited_for() -> None:
    async with serving(stall_s=SLOW_S) as server:
        client = await server.connect(POST.format("/body"))
        for _ in range(10):
            await client.send("a" * 10)
            await asyncio.sleep(SLOW_S / 8)
        assert (await client.piece()).endswith("100")
        big = POST.format("/slow-body").replace("100", "1000000")
        client = await server.connect(big)
        await client.send(b"a" * 1_000_000)
        assert (await client.piece()).endswith("1000000")


async def test_a_connection_kept_alive_is_ended_when_it_is_idle() -> None:
    async with serving() as server:
        client = await server.connect(GET + "\r\n")
        assert "200" in await client.piece()
        await client.send(GET + "\r\n")
        assert "200" in await client.piece()
        await client.send("\r\n")
        assert (await client.answer()).startswith("HTTP/1.1 408 ")


async def test_only_so_many_requests_are_pipelined() -> None:
    async with serving() as server:
        slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
        client = await server.connect(slow + (GET + "\r\n") * (MOST_PIPELINED + 2))
        assert "200 OK" not in (await client.answer()).replace("HTTP/1.1 200 OK", "", 1)
        client = await server.connect((GET + "\r\n") * 4 + GET + "Connection: close\r\n\r\n")
        assert (await client.answer()).count("HTTP/1.1 200 OK") == 5


async def test_a_handshake_that_cannot_be_read_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    begin = GET.replace("/", "/ws", 1) + UPGRADE
    async with serving() as server:
        for extra in (
            "".join(f"X{n}: y\r\n" for n in range(200)),
            f"X: {'y' * 20_000}\r\n",
            "X y: z\r\n",
            "Sec-WebSocket-Version: 99\r\n",
        ):
            answer = await (await server.connect(begin + extra + "\r\n")).answer()
            assert answer.startswith("HTTP/1.1 4"), answer
    assert not [record for record in caplog.records if record.exc_info]


async def test_whoever_only_connects_gives_way() -> None:
    async with serving(limit=16) as server:
        busy = await server.connect("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert "begun" in await busy.piece()
        socket = await server.connect(GET.replace("/", "/ws", 1) + UPGRADE + "\r\n")
        assert "101" in await socket.piece()
        silent = [await server.connect() for _ in range(100)]
        client = await server.connect(GET + "Connection: close\r\n\r\n")
        assert (await client.answer()).startswith("HTTP/1.1 200 ")
        assert busy.is_open()
        assert socket.is_open()
        for each in silent:
            each.close()


async def test_health_is_told_when_all_places_are_in_use() -> None:
    async with serving(limit=16) as server:
        busy = [await server.connect("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(16)]
        for each in busy:
            assert "begun" in await each.piece()
        for path, status in (("/healthz", 200), ("/", 503), ("/healthz", 200)):
            request = GET.replace("/", path, 1) + "Connection: close\r\n\r\n"
            answer = await (await server.connect(request)).answer()
            assert answer.startswith(f"HTTP/1.1 {status} "), answer
        handshake = GET.replace("/", "/ws", 1) + UPGRADE + "\r\n"
        assert (await (await server.connect(handshake)).answer()).startswith("HTTP/1.1 503 ")
        assert all(each.is_open() for each in busy)


async def test_accept_errors_are_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(limits_module.log, "error", lambda event, **_: told.append(event), False)
    loop = asyncio.get_running_loop()
    tell_accept_errors_once(loop)
    for _ in range(1000):
        loop.call_exception_handler({"exception": OSError(24, "Too many open files")})
    assert told == ["connections cannot be accepted"]
    loop.set_exception_handler(None)
    assert Throttle().may()
