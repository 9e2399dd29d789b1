"""Headers that every answer has, whatever made it."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vdx.transports.http.error_responses import NOSNIFF

STARTS = ("http.response.start", "websocket.http.response.start")


class AnswerHeaders:
    """ASGI middleware: no browser guesses another type for an answer than it says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on and completes the answer's headers."""

        async def add(message: Message) -> None:
            if message["type"] in STARTS:
                MutableHeaders(scope=message).update(NOSNIFF)
            await send(message)

        await self._app(scope, receive, add)
