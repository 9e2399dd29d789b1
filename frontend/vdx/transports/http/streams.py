"""Answers that take their time: made while they are sent, given up when the client leaves."""

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, aclosing
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from vdx.core.errors import RequestCancelled, VdxError
from vdx.core.logs import logger
from vdx.core.threads import cancel_all
from vdx.transports.http import error_responses as failures

log = logger(__name__)

READER_TIMEOUT_S: Final = 60.0
"""How long a client may take nothing: a player that is paused reads on some time, or never."""
EVENTS: Final = "text/event-stream"

T = TypeVar("T")


def event(content: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(content, ensure_ascii=False).encode() + b"\n\n"


class Stream(Response):
    """A response whose status waits for the first piece: an error before it is a plain refusal.

    One that comes later breaks the connection off, so that the client knows that something is
    missing; a stream of events ends with an event that says what.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        media_type: str,
        headers: dict[str, str] | None = None,
        resources: AsyncExitStack | None = None,
    ) -> None:
        """`resources` are given back when the answer is over, however it ends."""
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.body = b""
        self._pieces = pieces
        self._resources = resources or AsyncExitStack()
        self._begun = False
        self.init_headers(headers)
        del self.headers["content-length"]  # nobody knows it yet

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_gone(receive), name="http-gone")
        work = asyncio.create_task(self._answer(scope, receive, send), name="http-stream")
        async with self._resources, aclosing(self._pieces):
            try:
                await asyncio.wait((gone, work), return_when=asyncio.FIRST_COMPLETED)
            finally:
                await cancel_all(gone, work)
        if not work.cancelled():
            work.result()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            try:
                async for piece in pieces:
                    await self._send(piece, send)
                await send({"type": "http.response.body", "body": b""})
            except VdxError as error:
                if not self._begun:
                    await failures.failure(error)(scope, receive, send)
                    return
                log.warning("an answer broke off", path=scope["path"], error=error.for_log)
                if self.media_type == EVENTS:
                    told = event({"type": "error", "error": failures.body(error)})
                    await send({"type": "http.response.body", "body": told})
            except (TimeoutError, OSError) as error:
                log.warning("a client stopped reading", path=scope["path"], error=repr(error))

    async def _send(self, piece: bytes, send: Send) -> None:
        messages: list[Message] = []
        if not self._begun:
            self._begun = True
            start = {"status": self.status_code, "headers": self.raw_headers}
            messages.append({"type": "http.response.start", **start})
        messages.append({"type": "http.response.body", "body": piece, "more_body": True})
        async with asyncio.timeout(READER_TIMEOUT_S):
            for message in messages:
                await send(message)


async def _gone(receive: Receive) -> None:
    """Returns when the client has left; its body was read before."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client leaves.

    Raises:
        RequestCancelled: the client left.
    """
    gone = asyncio.create_task(_gone(request.receive), name="http-gone")
    task = asyncio.create_task(work, name="http-work")
    try:
        await asyncio.wait((gone, task), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise RequestCancelled("the client left")
        return task.result()
    finally:
        await cancel_all(gone, task)
