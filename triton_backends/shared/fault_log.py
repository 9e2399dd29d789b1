"""What is done with an engine's exception: traceback to Triton's log, a plain error to the client.

Own code, because Triton's logger takes finished text and no logging library may write a traceback
without the exception's message: an engine's message may quote what somebody said.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from triton_backends.shared.errors import BackendError, Internal

MAX_CAUSES = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """Which request a fault belongs to; the others are empty where the client named none.

    `trace` is the one that the client traces its turn by, as W3C Trace Context writes it.
    """

    request: str
    session: str = ""
    trace: str = ""

    def __str__(self) -> str:
        session = f", session {self.session}" if self.session else ""
        return f"{self.request}{session}{f', trace {self.trace}' if self.trace else ''}"


@dataclass(frozen=True, slots=True)
class FaultLog:
    """Writes the faults of one model; `write` takes a text of several lines, from any thread."""

    model: str
    write: Callable[[str], object]

    def answer(self, error: Exception, origin: Origin) -> BackendError:
        """The error that the client gets for `error`.

        What the backend itself refuses passes as it is. Any other exception is a fault of the
        engine: it is written with its traceback, and the client learns where to look for it.
        """
        if isinstance(error, BackendError) and not isinstance(error, Internal):
            return error
        own = f" ({error})" if isinstance(error, Internal) else ""
        self.write(f"{self.model}: fault in {origin}{own}\n{''.join(_frames(error))}".rstrip())
        return Internal(f"the engine failed; Triton's log says more about {origin.request}")


def no_log() -> FaultLog:
    """For engines outside Triton: a fault becomes an error and is not written."""
    return FaultLog("", lambda _: None)


def _frames(error: BaseException) -> Iterator[str]:
    """The traceback of an exception and of its causes, types without their messages."""
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield from traceback.format_tb(cause.__traceback__)
        yield f"{type(cause).__qualname__}\n"
        hidden = cause.__suppress_context__
        cause = cause.__cause__ or (None if hidden else cause.__context__)
        if cause is not None:
            yield "caused by:\n"
