"""The ids in every line that a session writes: of the session, its turn, its reply, its trace.

A session has one `LogIds`, whose values are changed as it goes on. A task that works for one
utterance or reply has a copy, so that its lines keep the ids it was started with.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdx.core.tracing import TurnSpan


@dataclass(slots=True)
class LogIds:
    """`turn` and `reply` count from 1 within the session; 0 where there is none."""

    session: str
    turn: int = 0
    reply: int = 0
    span: "TurnSpan | None" = None
    """Of the turn, where traces are on."""

    @property
    def trace(self) -> str:
        """The trace's id, 32 hexadecimal digits; empty where the turn is not traced."""
        return self.span.trace_id if self.span else ""

    def values(self) -> dict[str, str | int]:
        """What is known, as a line of the log has it."""
        known: dict[str, str | int] = {
            "session": self.session,
            "turn": self.turn,
            "reply": self.reply,
            "trace": self.trace,
        }
        return {name: value for name, value in known.items() if value}


_IDS: ContextVar[LogIds | None] = ContextVar("log_ids", default=None)


@contextlib.contextmanager
def logged_as(ids: LogIds) -> Iterator[None]:
    """Gives `ids` to the lines and spans of this task, and of tasks that it starts meanwhile."""
    token = _IDS.set(ids)
    try:
        yield
    finally:
        _IDS.reset(token)


def log_ids() -> LogIds | None:
    """The ids of this task; None outside a session."""
    return _IDS.get()
