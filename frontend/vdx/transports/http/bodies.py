"""Request bodies, read within limits of size and time."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel
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
from vdx.core.json_input import SHOWN_CHARS, parse_json
from vdx.core.logs import logger
from vdx.core.slices import rest
from vdx.core.validation import validated

log = logger(__name__)

MAX_JSON_BYTES = 1024 * 1024
MAX_FIELDS = 32
FORM_BYTES = 64 * 1024
"""What a form may hold beside its file."""
ARRIVAL_S = 300.0
"""25 MB at the speed of a bad mobile connection."""

T = TypeVar("T", bound=BaseModel)


async def json_body(request: Request, shape: type[T]) -> T:
    """The JSON body of a request as `shape`.

    Raises:
        InvalidInput: it is something else (UnsupportedMedia, TooLarge, TooSlow are kinds of it).
    """
    _expect(request, "application/json")
    raw = b"".join([piece async for piece in arriving(request, MAX_JSON_BYTES)])
    await rest()
    return validated(shape, parse_json(raw, "the body"))


async def upload(request: Request, max_bytes: int) -> tuple[UploadFile, Mapping[str, Any]]:
    """The `file` of a multipart form, spooled to disk, and the fields beside it.

    A field whose name ends in `[]`, or that comes twice, is a list.

    Raises:
        InvalidInput: it is something else (UnsupportedMedia, TooLarge, TooSlow are kinds of it).
        StorageFailed: there is no room on the disk.
    """
    _expect(request, "multipart/form-data")
    parser = MultiPartParser(
        request.headers,
        arriving(request, max_bytes + FORM_BYTES),
        max_files=1,
        max_fields=MAX_FIELDS,
        max_part_size=FORM_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise InvalidInput(f"the form cannot be read: {error.message}") from None
    except OSError as error:
        log.warning("an upload could not be stored", folder=_folder(), error=repr(error))
        raise StorageFailed(
            f"the server cannot store the upload: {error.strerror or error}; try again later"
        ) from None
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise InvalidInput("the form needs a part named file that is a file", param="file")
    if (file.size or 0) > max_bytes:
        await form.close()
        raise TooLarge(f"file has {file.size} bytes, more than {max_bytes}", param="file")
    return file, _fields(form)


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


async def arriving(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, no more than `limit` bytes and no longer than ARRIVAL_S.

    Raises:
        InvalidInput: it is too long or too slow, or the client left.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLarge(f"the body has {announced} bytes, more than {limit}")
    size = 0
    try:
        async with asyncio.timeout(ARRIVAL_S):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise TooLarge(f"the body has more than {limit} bytes")
                yield piece
    except TimeoutError:
        raise TooSlow(f"the body took over {ARRIVAL_S:.0f} s") from None
    except ClientDisconnect:
        raise InvalidInput("the client left before the body was complete") from None
