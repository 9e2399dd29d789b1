"""The last lines of this process's log, kept in memory for `vdx logs` (`GET /vdx/logs`)."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MOST_LINES: Final = 1000
MOST_CHARS: Final = 2000
"""Of one value; a traceback is longer than that only where it repeats itself."""
LEVELS: Final = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event of the log; `number` counts all lines of the process from 1."""

    number: int
    at: str
    level: str
    event: str
    values: dict[str, str]


class RecentLog:
    """The last MOST_LINES lines; used by every thread that logs."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)
        self._lock = threading.Lock()
        self._count = 0

    def add(self, entry: Mapping[str, Any]) -> None:
        """Keeps one event as structlog's processors leave it, secrets masked."""
        values = {name: str(value)[:MOST_CHARS] for name, value in entry.items()}
        at, level = values.pop("timestamp", ""), values.pop("level", "info")
        event = values.pop("event", "")
        with self._lock:
            self._count += 1
            self._lines.append(LogLine(self._count, at, level, event, values))

    def lines(self, after: int = 0, level: str = "debug") -> list[LogLine]:
        """Those with a number above `after` that are at least as grave as `level`.

        An `after` that is not reached yet was of a process before this one: all lines are new.
        """
        least = LEVELS.index(level)
        with self._lock:
            kept = list(self._lines)
            after = after if after <= self._count else 0
        return [each for each in kept if each.number > after and _rank(each.level) >= least]


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


RECENT: Final = RecentLog()
"""Of this process."""
