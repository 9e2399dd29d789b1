"""One line for each HTTP request, and for each WebSocket when it is accepted or refused.

At debug level, and at info for refusals (`REFUSALS`), which are limited so that a flood of them
does not fill the disk. Never the query, a header or the body: they hold keys and words.
"""

import time
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vdx.core.log_limit import LimitedLog
from vdx.core.logs import logger
from vdx.core.metrics import HTTP_REQUESTS, KEYS_REFUSED
from vdx.transports.security import KEY_NAME

log = logger(__name__)

REFUSALS: Final = frozenset({401, 403, 429, 503})
PATH_CHARS: Final = 200
REALTIME: Final = "/v1/realtime"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CODE: Final = "vdx.code"
"""In a request's scope: the code of the error it ended with."""


class RequestLog:
    """Around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._refusals = LimitedLog(__name__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                log.debug("request", status="accepted", **_about(scope))
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = status or 500  # answered further out
            raise
        finally:
            # An accepted WebSocket is a session, which has lines of its own; without a status
            # the client left before it was answered.
            if status or scope["type"] == "http":
                self._write(scope, status, time.monotonic() - began)

    def _write(self, scope: Scope, status: int, seconds: float) -> None:
        _count(scope, status)
        values = _about(scope) | {
            "status": status or "client left",
            "ms": round(seconds * 1000, 1),
        }
        if code := scope.get(CODE):
            values["code"] = code
        if status in REFUSALS:
            # Of a trusted proxy that is the address it forwards.
            client = (scope.get("client") or ("unknown",))[0]
            self._refusals.info("request refused", client=client, **values)
        else:
            log.debug("request", **values)


def _about(scope: Scope) -> dict[str, Any]:
    """Method, path, and the name of the key that it came with."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    values: dict[str, Any] = {
        "method": scope.get("method", "GET"),
        "path": raw.partition(b"?")[0].decode("ascii", "backslashreplace")[:PATH_CHARS],
    }
    if key := scope.get(KEY_NAME):
        values["key"] = key
    return values


def _count(scope: Scope, status: int) -> None:
    """Adds to the metrics; a path that is none counts as `none`, so that labels stay few."""
    route = getattr(scope.get("route"), "path", "")
    if scope["type"] == "websocket" and scope["path"] == REALTIME:
        route = REALTIME
    method = str(scope.get("method", "GET"))
    known = method if method in METHODS else "other"
    HTTP_REQUESTS.labels(known, route or "none", str(status or "client left")).inc()
    if status in (401, 403):
        KEYS_REFUSED.labels(scope.get(CODE, "forbidden")).inc()
