"""Request bodies, read within limits of size and time.

Own code: FastAPI and Starlette limit the size of a body, but not the time it takes, nor how deep
and how large the JSON in it is.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import Any, Final, TypeVar

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from vdx.core.errors import (
    InvalidInput,
    StorageFailed,
    TooLarge,
    TooSlow,
    UnsupportedMedia,
)
from vdx.core.json_input import SHOWN_CHARS, parse_json, shown
from vdx.core.logs import logger
from vdx.core.slices import rest

log = logger(__name__)

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
MAX_JSON_BYTES = 1024 * 1024
MAX_FIELDS = 32
FORM_BYTES = 64 * 1024
"""What a form may hold beside its file."""
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
        _expect(request, JSON)
    limit = getattr(shape, "max_json_bytes", MAX_JSON_BYTES)
    raw = await _in_time(_whole(request, limit))
    if not is_required and not raw.strip():
        return ReadRequest(request, b"", None)
    await rest()
    value = parse_json(raw, "the body")
    if not isinstance(value, dict):
        raise InvalidInput(f"the body must be a JSON object, got {shown(value)}")
    return ReadRequest(request, raw, value)


async def _whole(request: Request, limit: int) -> bytes:
    async with aclosing(_pieces(request, limit)) as pieces:
        return b"".join([piece async for piece in pieces])


async def upload(request: Request, max_bytes: int) -> tuple[UploadFile, Mapping[str, Any]]:
    """The `file` of a multipart form, spooled to disk, and the fields beside it.

    A field whose name ends in `[]`, or that comes twice, is a list.

    Raises:
        InvalidInput: it is something else (UnsupportedMedia, TooLarge, TooSlow are kinds of it).
        StorageFailed: there is no room on the disk.
    """
    _expect(request, FORM)
    form = await _in_time(_form(request, max_bytes + FORM_BYTES))
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise InvalidInput("the form needs a part named file that is a file", param="file")
    if (file.size or 0) > max_bytes:
        await form.close()
        raise TooLarge(f"file has {file.size} bytes, more than {max_bytes}", param="file")
    return file, _fields(form)


async def _form(request: Request, limit: int) -> FormData:
    async with aclosing(_pieces(request, limit)) as pieces:
        parser = MultiPartParser(
            request.headers,
            pieces,
            max_files=1,
            max_fields=MAX_FIELDS,
            max_part_size=FORM_BYTES,
        )
        try:
            return await parser.parse()
        except MultiPartException as error:
            raise InvalidInput(f"the form cannot be read: {error.message}") from None
        except OSError as error:
            log.warning("an upload could not be stored", folder=_folder(), error=repr(error))
            raise StorageFailed(
                f"the server cannot store the upload: {error.strerror or error}; try again later"
            ) from None


def _folder() -> str:
    """Where uploads go, for the log: the name of a server's folder is nothing for its clients."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "none of the folders for temporary files can be written to"


def _fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key in form:
        values = [value for value in form.getlist(key) if isinstance(value, str)]
        if key.endswith("[]"):
            fields[key.removesuffix("[]")] = values
        elif key in LISTS:
            fields[key] = values
        elif key != "file":
            fields[key] = values[-1] if values else None
    return fields


LISTS = ("timestamp_granularities", "include")
"""Fields that curl may also send without brackets."""


def _expect(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != wanted:
        raise UnsupportedMedia(f"content-type must be {wanted}, got {given[:SHOWN_CHARS]!r}")


async def _in_time(reading: Coroutine[Any, Any, T]) -> T:
    """What `reading` a body returns; it may take ARRIVAL_S.

    Raises:
        TooSlow: it took longer.
    """
    try:
        async with asyncio.timeout(ARRIVAL_S):
            return await reading
    except TimeoutError:
        raise TooSlow(f"the body took over {ARRIVAL_S:.0f} s") from None


async def _pieces(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
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
