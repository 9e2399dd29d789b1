"""Uploads that cannot be stored."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from vdx.core.errors import StorageFailed
from vdx.transports.http.bodies import upload

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


async def test_no_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "removed"))
    with pytest.raises(StorageFailed, match="No such file") as failed:
        await upload(posted(FORM), 10_000_000)
    assert str(tmp_path) not in str(failed.value)
