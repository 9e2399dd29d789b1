"""Everything that is sent over a WebSocket: one bounded queue, one writer, one order."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from vdx.core.errors import SessionLimit
from vdx.core.metrics import PACING_ERROR

MAX_EVENTS = 2_000
"""Queued events above which the connection is closed."""
MAX_CHARACTERS = 1_000_000
"""Queued characters above which nothing more is read from the client."""
MAX_AUDIO = 4
"""Queued frames of audio above which playout waits; more would still be sent after a pause."""


class Outbox:
    """Events are queued at once; audio waits for space and can be dropped."""

    def __init__(self, send: Callable[[str], Awaitable[None]], timeout_s: float) -> None:
        self._send = send
        self._timeout_s = timeout_s
        self._queue: deque[tuple[str, int, float]] = deque()
        self._audio = 0
        self._characters = 0
        self._waiting = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._overflowed = False

    def post(self, text: str) -> None:
        """Queues one event; above MAX_EVENTS `run` fails, which ends the session."""
        if len(self._queue) < MAX_EVENTS:
            self._put(text, 0, 0.0)
        else:
            self._overflowed = True

    async def audio(self, reply: int, text: str, due: float) -> None:
        """Queues one audio event of `reply` (1 or more), waiting while there are enough.

        It should be written at `due`, a time of the monotonic clock.
        """
        while self._audio >= MAX_AUDIO and not self._closed:
            self._room.clear()
            await self._room.wait()
        self._audio += 1
        self._put(text, reply, due)

    async def caught_up(self) -> None:
        """Waits while more than MAX_CHARACTERS are queued."""
        while self._characters > MAX_CHARACTERS and not self._closed:
            self._room.clear()
            await self._room.wait()

    def drop_audio(self, reply: int) -> None:
        """Drops the queued audio of a reply that was cancelled."""
        kept = [entry for entry in self._queue if entry[1] != reply]
        self._audio -= len(self._queue) - len(kept)
        self._queue = deque(kept)
        self._characters = sum(len(text) for text, _, _ in kept)
        self._room.set()

    def close(self) -> None:
        """Lets `run` return once everything queued is written."""
        self._closed = True
        self._waiting.set()
        self._room.set()

    async def run(self) -> None:
        """Writes until closed.

        Raises:
            SessionLimit: the client does not read.
        """
        while True:
            while self._queue:
                if self._overflowed:
                    raise SessionLimit(f"the client is {MAX_EVENTS} events behind")
                text, reply, due = self._queue.popleft()
                self._audio -= reply > 0
                self._characters -= len(text)
                self._room.set()
                await self._write(text)
                if reply:
                    PACING_ERROR.observe(max(0.0, time.monotonic() - due))
            if self._closed:
                return
            self._waiting.clear()
            await self._waiting.wait()

    def _put(self, text: str, reply: int, due: float) -> None:
        self._queue.append((text, reply, due))
        self._characters += len(text)
        self._waiting.set()

    async def _write(self, text: str) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(text)
        except TimeoutError:
            raise SessionLimit(f"the client has read nothing for {self._timeout_s:g} s") from None
