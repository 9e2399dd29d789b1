"""uvicorn's protocols with limits of size and time before a request is whole.

uvicorn has none: it keeps headers of any length, and waits for them and for bodies for ever.
"""

import enum
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from vdx.core.errors import (
    HeadersTooLarge,
    InvalidInput,
    SessionLimit,
    TooSlow,
    VdxError,
)
from vdx.transports.http.connection_limits import ConnectionLimits
from vdx.transports.http.error_responses import failure
from vdx.transports.realtime.sliced_websocket import SlicedWebSocket
from vdx.transports.unread import UnreadTimer

MAX_HEADER_BYTES: Final = 65_536
"""Of the request line, the headers and the trailers of one request together."""
MOST_PIPELINED: Final = 8
"""Requests sent before the answer to the first."""
REFUSED_S: Final = 1.0
"""How long a refused client may still send: hanging up at once could destroy the refusal."""
HEALTH: Final = frozenset((b"/healthz", b"/readyz"))


class Stage(enum.Enum):
    """What a connection waits for."""

    HEADERS = enum.auto()
    BODY = enum.auto()
    ANSWER = enum.auto()
    REST = enum.auto()
    """The rest of a body that nobody wants: the answer was given before it was complete."""


class LimitedHttp(HttpToolsProtocol):
    """One connection: its headers within 64 KiB and its time, its body without long stalls."""

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._stage = Stage.HEADERS
        self._application = self.app
        self._unused = 0  # bytes received since the last whole headers or piece of a body
        self._fields = 0  # bytes of the current request's line, headers and trailers
        self._timer: Any = None
        self._since = 0.0  # when the wait that the timer measures began
        self._is_silent = True  # nothing of the next request has arrived
        self._is_refused = False
        self._cycles: list[RequestResponseCycle] = []

    def connection_made(self, transport: Any) -> None:
        """Takes the connection, or refuses it where all places are in use."""
        super().connection_made(transport)
        self._unread = UnreadTimer(self.loop, transport)
        if self._limits.make_room(len(self.connections)):
            self._limits.waits(self)
            self._start_timer()
        else:
            self._refuse(SessionLimit("the server has no room for another connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Frees what the connection held."""
        self._stop_timer()
        self._unread.cancel()
        self._limits.works(self)
        # uvicorn tells only the last of several requests that its client is gone.
        for cycle in self._cycles:
            if not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Much waits to be read by the client."""
        super().pause_writing()
        self._unread.arm()

    def resume_writing(self) -> None:
        """The client has read most of it."""
        super().resume_writing()
        self._unread.cancel()
        self._wait_if_read()

    def drop(self) -> None:
        """Ends the connection for another one."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Reads a piece of a request."""
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        self._is_silent = False
        self._unused += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._upgrade()
                return
        except httptools.HttpParserError:  # also what a callback below raised
            self._refuse(InvalidInput("this is not an HTTP request"))
        if self._unused > MAX_HEADER_BYTES:
            self._refuse_headers()
        self._watch()

    def on_message_begin(self) -> None:
        """Another request begins."""
        super().on_message_begin()
        self._stage = Stage.HEADERS
        self._fields = 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request's path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header or a trailer."""
        self._count(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The application starts on the request."""
        self._unread.cancel()
        self._unused = 0
        self._stage = Stage.BODY
        self._since = self.loop.time()
        self._limits.works(self)
        if len(self.pipeline) >= MOST_PIPELINED:
            self._refuse(SessionLimit(f"more than {MOST_PIPELINED} requests wait for an answer"))
            raise httptools.HttpParserError("too many requests")
        self.app = self._application if self._has_room() else _no_room()
        super().on_headers_complete()
        if self.cycle is not None:  # it is None for the handshake of a WebSocket
            self._cycles = [each for each in self._cycles if not each.response_complete]
            self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._unused = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unused = 0
        self._is_silent = True
        self._stage = Stage.HEADERS if self._stage is Stage.REST else Stage.ANSWER
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written; the client may not have read it yet."""
        super().on_response_complete()
        self._unread.arm()
        if self._unanswered is None:
            self._wait_if_read()
            self._stage = Stage.REST if self._stage is Stage.BODY else Stage.HEADERS
            self._since = self.loop.time()

    def _wait_if_read(self) -> None:
        """Gives way to other connections, unless an answer is still being sent."""
        if self._unanswered is None and not self.transport.get_write_buffer_size():
            self._limits.waits(self)

    @property
    def _unanswered(self) -> RequestResponseCycle | None:
        """The last request, while its answer is not complete."""
        cycle: RequestResponseCycle | None = cast(Any, self.cycle)  # None before the first
        return None if cycle is None or cycle.response_complete else cycle

    def _upgrade(self) -> None:
        if self._unanswered is not None:
            self._refuse(InvalidInput("a WebSocket needs a connection of its own"))
        elif self._has_room():
            self._stop_timer()
            self._unread.cancel()
            self._limits.works(self)
            self.handle_websocket_upgrade()
        else:
            self._refuse(SessionLimit("the server has no room for another conversation"))

    def _has_room(self) -> bool:
        is_health = self.url.partition(b"?")[0] in HEALTH
        return is_health or len(self.connections) <= self._limits.limit

    def _count(self, size: int) -> None:
        self._fields += size
        if self._fields > MAX_HEADER_BYTES:
            self._refuse_headers()
            raise httptools.HttpParserError("headers too large")

    # --- time -------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Measures the wait for more, where there is one."""
        if self._stage is Stage.BODY:
            self._since = self.loop.time()
        is_answering = self._stage in {Stage.HEADERS, Stage.ANSWER} and self._unanswered
        if self._timer is None and not is_answering and not self._is_refused:
            self._start_timer()

    def _start_timer(self) -> None:
        self._since = self.loop.time()
        self._timer = self.loop.call_later(self._limits.timeout_s, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._stage is Stage.BODY and self.flow.read_paused:  # it is the application that waits
            self._start_timer()
        elif (left := self._since + self._limits.timeout_s - self.loop.time()) > 0:
            self._timer = self.loop.call_later(left, self._late)
        elif self._is_silent or self._stage is Stage.REST:
            self.transport.close()
        else:
            self._refuse(TooSlow(f"nothing arrived in {self._limits.timeout_s:g} s"))

    # --- refusals ---------------------------------------------------------------------------

    def _refuse_headers(self) -> None:
        self._refuse(HeadersTooLarge(f"the headers have more than {MAX_HEADER_BYTES} bytes"))

    def _refuse(self, error: VdxError) -> None:
        """Answers with `error`, unless that would land in another answer, and hangs up."""
        if self._is_refused:
            return
        self._is_refused = True
        self._stop_timer()
        cycle = self._unanswered
        is_own = self._stage is Stage.BODY and not self.pipeline
        if cycle is None or (is_own and not cycle.response_started):
            self.transport.write(raw_answer(error))
        for each in self._cycles:
            each.disconnected = True
            each.message_event.set()
        self.pipeline.clear()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._limits.waits(self)
        self.loop.call_later(REFUSED_S, self.transport.abort)


class LimitedWebSocket(SlicedWebSocket):
    """Ends a connection whose handshake cannot be read; uvicorn holds it for ever."""

    def _parse(self) -> None:
        super()._parse()
        if self.conn.handshake_exc is not None and not self.close_sent:
            self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()


def raw_answer(error: VdxError) -> bytes:
    """A whole HTTP answer, after which the connection is closed."""
    answer = failure(error)
    reason = HTTPStatus(answer.status_code).phrase.encode()
    lines = [b"HTTP/1.1 %d %b" % (answer.status_code, reason), b"connection: close"]
    lines += [name + b": " + value for name, value in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])


def _no_room() -> Any:
    """An application that refuses its one request."""
    answer = failure(SessionLimit("the server has no room for another connection"))
    answer.headers["Connection"] = "close"
    return answer
