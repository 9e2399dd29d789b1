"""Bodies that are too long, too slow or broken off, and uploads that cannot be stored."""

import asyncio
import base64
import errno
import os
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from vdx.core.errors import InvalidInput, StorageFailed, TooLarge, TooSlow, UnsupportedMedia
from vdx.core.validation import validated
from vdx.transports.http import bodies
from vdx.transports.http.bodies import read_json
from vdx.transports.http.schema import SpeechRequest, TranscriptionRequest
from vdx.transports.http.uploads import upload
from vdx.transports.room.tokens import TokenRequest

FORM = (
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + bytes(2_000_000)
    + b"\r\n--x--\r\n"
)


def posted(body: bytes) -> Request:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE])
async def test_a_disk_that_takes_no_file_is_named(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(tempfile.SpooledTemporaryFile):  # type: ignore[type-arg]
        def rollover(self) -> None:
            raise OSError(code, os.strerror(code))

    monkeypatch.setattr("starlette.formparsers.SpooledTemporaryFile", Full)
    with pytest.raises(StorageFailed, match=os.strerror(code)) as failed:
        await upload(posted(FORM), 10_000_000)
    assert failed.value.retryable


@pytest.mark.parametrize("headers", [b"", b"\r\ncontent-type: audio/wav"])
async def test_a_file_needs_no_name(headers: bytes) -> None:
    sound = bytes(range(256)) * 1_000  # more than a field may hold, and no text
    part = b'--x\r\ncontent-disposition: form-data; name="file"' + headers + b"\r\n\r\n" + sound
    file, fields = await upload(posted(part + b"\r\n--x--\r\n"), 10_000_000)
    assert (await file.read(), fields) == (sound, {})
    await file.close()


async def test_half_a_minute_of_a_known_speaker_fits_into_a_field() -> None:
    second = base64.b64encode(bytes(48_000 * 2 * 2 * 3)).decode()  # three, without padding
    url = "data:audio/wav;base64," + second * 10
    part = (
        f'--x\r\ncontent-disposition: form-data; name="known_speaker_references"\r\n\r\n{url}\r\n'
    )
    file, fields = await upload(posted(part.encode() + FORM), 10_000_000)
    assert fields == {"known_speaker_references": [url]}
    await file.close()


async def test_an_empty_field_is_not_given() -> None:
    given = {
        "language": "",
        "temperature": "",
        "stream": "",
        "response_format": "",
        "model": "",
        "prompt": "",
        "timestamp_granularities[]": "",
        "include": "",
    }
    parts = "".join(
        f'--x\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in given.items()
    )
    file, fields = await upload(posted(parts.encode() + FORM), 10_000_000)
    assert validated(TranscriptionRequest, fields) == TranscriptionRequest()
    await file.close()


@pytest.mark.parametrize(
    ("given", "tag"),
    [("", None), ("auto", None), ("english", "en"), ("en_US", "en-US"), ("iw", "he")],
)
def test_languages_as_clients_write_them(given: str, tag: str | None) -> None:
    assert validated(TranscriptionRequest, {"language": given}).language == tag
    asked = {"input": "Hello.", "language": given, "response_format": "aac"}
    assert validated(SpeechRequest, asked).language == tag


async def test_no_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "removed"))
    with pytest.raises(StorageFailed, match="No such file") as failed:
        await upload(posted(FORM), 10_000_000)
    assert str(tmp_path) not in str(failed.value)


def arriving(*pieces: bytes | None, content_type: bytes = b"application/json") -> Request:
    """A request whose body arrives in these pieces; None is a client that sends no more."""
    messages = [{"type": "http.request", "body": p, "more_body": True} for p in pieces if p]
    stalls = None in pieces

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        if stalls:
            await asyncio.sleep(3600)
        return {"type": "http.request", "body": b"", "more_body": False}

    headers = [(b"content-type", content_type)]
    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


@pytest.mark.parametrize("is_form", [False, True])
async def test_a_body_that_takes_too_long_is_refused(
    is_form: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ARRIVAL_S", 0.05)
    form = b"multipart/form-data; boundary=x"
    if is_form:
        reading: Coroutine[Any, Any, object] = upload(
            arriving(FORM[:1000], None, content_type=form), 10_000_000
        )
    else:
        reading = read_json(arriving(b"{", None), None, is_required=True)
    with pytest.raises(TooSlow, match="the body took over"):
        await reading


async def test_a_limit_of_time_stops_nobody_but_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "ARRIVAL_S", 0.05)
    whole = await read_json(arriving(b'{"a": ', b"1}"), None, is_required=True)
    await asyncio.sleep(0.1)
    assert await whole.json() == {"a": 1}


async def test_a_body_has_the_limit_of_its_shape() -> None:
    long = b'{"room_name": "' + b"x" * 70_000 + b'"}'
    assert (await (await read_json(arriving(long), None, is_required=True)).json())["room_name"]
    with pytest.raises(TooLarge, match="more than 65536"):
        await read_json(arriving(long), TokenRequest, is_required=False)


async def test_a_body_that_may_be_left_out_has_any_type() -> None:
    form = b"application/x-www-form-urlencoded"
    empty = await read_json(arriving(b" \n", content_type=form), TokenRequest, is_required=False)
    assert await empty.body() == b""
    given = await read_json(arriving(b"{}", content_type=form), TokenRequest, is_required=False)
    assert given.headers["content-type"] == "application/json"
    with pytest.raises(UnsupportedMedia):
        await read_json(arriving(b"{}", content_type=form), TokenRequest, is_required=True)


@pytest.mark.parametrize("body", [b"null", b"[1]", b"5", b'"x"'])
async def test_a_body_is_an_object(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        await read_json(arriving(body), TokenRequest, is_required=False)
