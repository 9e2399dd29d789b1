"""The standard streams of a command, where a closed pipe or stream is no failure.

Click ends with status 1 if the reader of standard output has gone, as in `vdx config | head -1`.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class ReaderGone(OSError):
    """The reader of standard output has gone; without errno, so that click does not handle it."""


class _Stream:
    """A text stream; after the first write that fails, later ones are ignored."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if text == "":  # click looks in this way whether it is a text stream
            return 0
        try:
            return self._stream.write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        # What is still in the buffer would fail again when the interpreter ends.
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
        self._tell(error)

    def _tell(self, error: OSError) -> None:
        """Standard error: the failure is ignored."""


class _Output(_Stream):
    """Standard output: raises ReaderGone, which ends the command."""

    def _tell(self, error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            raise ReaderGone("nobody reads standard output")
        error.filename = "standard output"
        raise error


@contextlib.contextmanager
def standard_streams() -> Iterator[None]:
    """For a block: opens closed streams to /dev/null and wraps the others."""
    _open_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):  # a path may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = cast(TextIO, _Output(before[0])), cast(TextIO, _Stream(before[1]))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    """Opens free descriptors below 3, which the next opened file would get otherwise."""
    while (nowhere := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(nowhere, True)  # noqa: FBT003  (no keywords)
    os.close(nowhere)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Kept open to the end of the process, as the stream it stands for would be.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
