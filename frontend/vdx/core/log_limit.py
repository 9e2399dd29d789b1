"""Limits the rate of log lines that clients can cause, such as refusals."""

import asyncio
from typing import Any

from vdx.core.logs import logger

LINES = 20
WINDOW_S = 10.0


class LimitedLog:
    """Writes at most `lines` lines in `window_s` seconds, then one with the number left out."""

    def __init__(self, name: str, lines: int = LINES, window_s: float = WINDOW_S) -> None:
        self._log = logger(name)
        self._lines = lines
        self._window_s = window_s
        self._written = 0
        self._left_out = 0
        self._open = False

    def info(self, event: str, **values: Any) -> None:
        """One line at info level; call on the event loop."""
        if not self._open:
            self._open = True
            asyncio.get_running_loop().call_later(self._window_s, self._close)
        if self._written < self._lines:
            self._written += 1
            self._log.info(event, **values)
        else:
            self._left_out += 1

    def _close(self) -> None:
        if self._left_out:
            self._log.info("lines left out", count=self._left_out, seconds=self._window_s)
        self._written = self._left_out = 0
        self._open = False
