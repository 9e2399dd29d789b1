"""What a session needs of its transport: events and audio go out through it, and nothing else."""

from dataclasses import dataclass
from typing import Protocol

from vdx.core.events import Pcm
from vdx.dialog.ids import ReplyIds
from vdx.dialog.session_events import SessionEvent


@dataclass(slots=True)
class OutputFrame:
    """20 ms of a reply: int16 [960] at 48 kHz, to be sent at `due`, seconds on the session's clock.

    Not frozen, because it is made for every frame and a frozen one takes three times as long.
    """

    reply: ReplyIds
    pcm: Pcm
    due: float


class Transport(Protocol):
    """Called on the event loop, with events and frames in the order of the conversation."""

    def notify(self, event: SessionEvent) -> None:
        """Sends an event; returns at once."""

    async def play(self, frame: OutputFrame) -> None:
        """Sends one frame; waits while the client reads more slowly than it is sent to."""
