"""The output of a reply that is written: its text as the responder makes it, once released."""

import asyncio
from collections.abc import Callable

from vdx.core.events import ReplyAudible


class WrittenOutput:
    """In place of playout; `write` takes each piece of the reply with the number `reply`.

    `emit` takes ReplyAudible before the first piece: from then on the reply is there for the user.
    """

    played_samples = 0
    """Nothing of it sounds."""

    def __init__(
        self, reply: int, write: Callable[[str], None], emit: Callable[[ReplyAudible], None]
    ) -> None:
        self._reply = reply
        self._write = write
        self._emit = emit
        self._open = asyncio.Event()
        self.text = ""
        """What was sent."""

    def release(self) -> None:
        """Starts sending."""
        self._open.set()

    def pause(self) -> None:
        """Stops sending before the next piece."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    async def send(self, piece: str) -> None:
        """Sends a piece; waits while the reply is not released, or paused."""
        await self._open.wait()
        if not self.text:
            self._emit(ReplyAudible(self._reply))
        self.text += piece
        self._write(piece)

    async def finish(self) -> None:
        """Returns when all is sent: not before the release, as a prepared reply must be silent."""
        await self._open.wait()
