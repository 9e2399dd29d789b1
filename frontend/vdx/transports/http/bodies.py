"""Request bodies, read within limits of size and time.

Own code: FastAPI and Starlette limit the size of a body, but not the time it takes, nor how deep
and how large the JSON in it is.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, Final, TypeVar

from starlette.requests import ClientDisconnect, Request

from vdx.core.errors import (
    InvalidInput,
    TooLarge,
    TooSlow,
    UnsupportedMedia,
)
from vdx.core.json_input import SHOWN_CHARS, parse_json, shown
from vdx.core.slices import yield_to_loop

JSON: Final = "application/json"
MAX_JSON_BYTES = 1024 * 1024
ARRIVAL_S = 300.0
"""25 MB at the speed of a bad mobile connection."""

T = TypeVar("T")


class ReadRequest(Request):
    """A request whose JSON body was read; FastAPI finds it here in place of reading it itself."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        headers = [pair for pair in request.scope["headers"] if pair[0] != b"content-type"]
        headers.append((b"content-type", JSON.encode()))
        super().__init__({**request.scope, "headers": headers}, request.receive)
        self._raw = raw
        self._value = value

    async def body(self) -> bytes:
        return self._raw

    async def json(self) -> Any:
        return self._value


async def read_json(request: Request, shape: Any, *, is_required: bool) -> ReadRequest:
    """The request with its JSON body, of at most `shape.max_json_bytes` if the shape has that.

    A body that is not required may be empty or blank, and of any content type.

    Raises:
        InvalidInput: it is something else (UnsupportedMedia, TooLarge, TooSlow are kinds of it).
    """
    if is_required:
        require_type(request, JSON)
    limit = getattr(shape, "max_json_bytes", MAX_JSON_BYTES)
    raw = await in_time(_whole(request, limit))
    if not is_required and not raw.strip():
        return ReadRequest(request, b"", None)
    await yield_to_loop()
    value = parse_json(raw, "the body")
    if not isinstance(value, dict):
        raise InvalidInput(f"the body must be a JSON object, got {shown(value)}")
    return ReadRequest(request, raw, value)


async def _whole(request: Request, limit: int) -> bytes:
    async with aclosing(pieces_of(request, limit)) as pieces:
        return b"".join([piece async for piece in pieces])


def require_type(request: Request, wanted: str) -> None:
    """Raises UnsupportedMedia where the body is of another type."""
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != wanted:
        raise UnsupportedMedia(f"content-type must be {wanted}, got {given[:SHOWN_CHARS]!r}")


async def in_time(reading: Coroutine[Any, Any, T]) -> T:
    """What `reading` a body returns; it may take ARRIVAL_S.

    Raises:
        TooSlow: it took longer.
    """
    try:
        async with asyncio.timeout(ARRIVAL_S):
            return await reading
    except TimeoutError:
        raise TooSlow(f"the body took over {ARRIVAL_S:.0f} s") from None


async def pieces_of(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, no more than `limit` bytes.

    Raises:
        InvalidInput: it is too long, or the client left.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(f"the body has {announced} bytes, more than {limit}")
    size = 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > limit:
                raise TooLarge(f"the body has more than {limit} bytes")
            yield piece
    except ClientDisconnect:
        raise InvalidInput("the client left before the body was complete") from None
