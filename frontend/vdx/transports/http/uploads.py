"""A recording that arrives as a multipart form, to disk within limits of size and time.

Starlette's parser, with vdx's limits around it.
"""

import tempfile
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from vdx.core.errors import InvalidInput, StorageFailed, TooLarge
from vdx.core.logs import logger
from vdx.transports.http.bodies import in_time, pieces_of, require_type

log = logger(__name__)

FORM: Final = "multipart/form-data"
MAX_FIELDS = 32
FORM_BYTES = 64 * 1024
"""What a form may hold beside its file, where that is as large as it may be."""
FIELD_BYTES = 8 * 1024 * 1024
"""What one field may hold, such as the voice of a known speaker: 30 s at 48 kHz, 16 bit, stereo, in
base64."""


async def upload(request: Request, max_bytes: int) -> tuple[UploadFile, Mapping[str, Any]]:
    """The `file` of a multipart form, spooled to disk, and the fields beside it.

    A field whose name ends in `[]`, or that comes twice, is a list. One that is empty counts as not
    given: programs send every field that they know of.

    Raises:
        InvalidInput: it is something else (UnsupportedMedia, TooLarge, TooSlow are kinds of it).
        StorageFailed: there is no room on the disk.
    """
    require_type(request, FORM)
    form = await in_time(_form(request, max_bytes + FORM_BYTES))
    file = form.get("file")
    if not isinstance(file, UploadFile):
        await form.close()
        raise InvalidInput("the form needs a part named file that is a file", param="file")
    if (file.size or 0) > max_bytes:
        await form.close()
        raise TooLarge(f"file has {file.size} bytes, more than {max_bytes}", param="file")
    return file, _fields(form)


async def _form(request: Request, limit: int) -> FormData:
    async with aclosing(pieces_of(request, limit)) as pieces:
        parser = _Parser(
            request.headers,
            pieces,
            max_files=1,
            max_fields=MAX_FIELDS,
            max_part_size=FIELD_BYTES,
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


class _Parser(MultiPartParser):
    """Takes `file` for a file also where a program gives it no name."""

    def on_headers_finished(self) -> None:
        part = self._current_part
        _, options = parse_options_header(part.content_disposition)
        if options.get(b"name") == b"file" and b"filename" not in options:
            part.content_disposition = (part.content_disposition or b"") + b'; filename="file"'
        super().on_headers_finished()


def _folder() -> str:
    """Where uploads go, for the log: the name of a server's folder is nothing for its clients."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "none of the folders for temporary files can be written to"


def _fields(form: FormData) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key in form:
        values = [value for value in form.getlist(key) if isinstance(value, str) and value]
        if key.endswith("[]"):
            fields[key.removesuffix("[]")] = values
        elif key in LISTS:
            fields[key] = values
        elif key != "file" and values:
            fields[key] = values[-1]
    return fields


LISTS = (
    "timestamp_granularities",
    "include",
    "known_speaker_names",
    "known_speaker_references",
)
"""Fields that curl may also send without brackets."""
