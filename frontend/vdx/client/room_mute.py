"""When a client in a room plays nothing: from the event of a pause on, before the sound ends.

What the agent sent before it paused still waits in the jitter buffer, 30 to 40 ms, and on its way.
"""

from dataclasses import dataclass

TAIL_S = 0.2
"""Seconds in which the sound of a reply that was cut short may still come."""


@dataclass(slots=True)
class Mute:
    """`take` every event of the agent; `holds` says whether sound is to be played now."""

    _until: float = 0.0

    def take(self, kind: str, now: float) -> None:
        """Follows one event by its type, `now` in monotonic seconds."""
        match kind:
            case "vdx.playout.paused":
                self._until = float("inf")
            case "vdx.playout.resumed" | "vdx.reply.started":
                self._until = 0.0
            case "vdx.reply.ended" if self._until:
                self._until = now + TAIL_S

    def holds(self, now: float) -> bool:
        """Whether nothing is played at this time."""
        return now < self._until
