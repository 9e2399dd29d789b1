"""What a command reads from standard input, where `-` stands for a text or a file."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from vdx.core.errors import InvalidInput

STANDARD = Path("-")


def text_or_input(text: str) -> str:
    """The text, or what standard input holds, UTF-8, where it is `-`.

    Raises:
        InvalidInput: standard input is no UTF-8.
    """
    if text != str(STANDARD):
        return text
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("standard input is no text in UTF-8", param="text") from None


@contextlib.contextmanager
def file_or_input(file: Path) -> Iterator[Path | BinaryIO]:
    """The file, or a temporary one with all of standard input where it is `-`.

    A recording is read back and forth, which a pipe cannot be.
    """
    if file != STANDARD:
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.seek(0)
        yield copy
