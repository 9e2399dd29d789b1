"""Reads untrusted files: regular ones, inside their folder, up to a size."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vdx.core.errors import InvalidInput, InvalidVoicepack
from vdx.core.json_input import parse_json

BLOCK = 1024 * 1024
MEBIBYTE = 1024 * 1024
LARGEST_JSON = 32 * MEBIBYTE
LARGEST_TEXT = MEBIBYTE

PICKLES = frozenset({".bin", ".ckpt", ".joblib", ".npy", ".npz", ".pickle", ".pkl", ".pt", ".pth"})
"""Endings under which pickles travel; unpickling one runs whatever its author wrote."""


def open_inside(folder: Path, name: str, limit: int) -> BinaryIO:
    """Opens `folder/name` for reading.

    Raises:
        InvalidVoicepack: it is missing, no regular file, behind a link that leaves the folder, or
            larger than `limit` bytes.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidVoicepack(
            f"{path} leads out of its folder; copy what it points to (cp -rL) and add the copy"
        )
    try:
        # A pipe put there must not be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise InvalidVoicepack(f"{path}: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
        os.close(descriptor)
        what = f"is larger than {limit} bytes" if stat.S_ISREG(found.st_mode) else "is no file"
        raise InvalidVoicepack(f"{path} {what}")
    return os.fdopen(descriptor, "rb")


def read_inside(folder: Path, name: str, limit: int) -> bytes:
    """The whole of a file; raises as `open_inside` does."""
    with open_inside(folder, name, limit) as stream:
        raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise InvalidVoicepack(f"{folder / name} is larger than {limit} bytes")
    return raw


def read_json(folder: Path, name: str) -> Any:
    """The content of a JSON file.

    Raises:
        InvalidVoicepack: it is none, or as in `open_inside`.
    """
    raw = read_inside(folder, name, LARGEST_JSON)
    try:
        return parse_json(raw, str(folder / name), max_values=None)
    except InvalidInput as error:
        raise InvalidVoicepack(error.message) from error


def digest_inside(folder: Path, name: str, limit: int) -> str:
    """The sha256 of a file, in lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with open_inside(folder, name, limit) as stream:
        for block in blocks(stream, limit, folder / name):
            digest.update(block)
    return digest.hexdigest()


def blocks(stream: BinaryIO, limit: int, path: Path) -> Iterator[bytes]:
    """A stream piece by piece; a file that grows past `limit` meanwhile is refused."""
    total = 0
    while block := stream.read(BLOCK):
        total += len(block)
        if total > limit:
            raise InvalidVoicepack(f"{path} is larger than {limit} bytes")
        yield block


def copy_inside(folder: Path, name: str, target: Path, limit: int) -> None:
    """Copies the content alone: no link, owner or mode of the original comes along."""
    with open_inside(folder, name, limit) as stream, target.open("xb") as copy:
        for block in blocks(stream, limit, folder / name):
            copy.write(block)


def git_blob_id(path: Path) -> str:
    """What git, and so the hub, calls the content of a small file."""
    raw = path.read_bytes()
    header = f"blob {len(raw)}\0".encode()
    return hashlib.sha1(header + raw, usedforsecurity=False).hexdigest()
