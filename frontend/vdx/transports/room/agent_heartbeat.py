"""The heartbeat of an agent in its room, and how other workers see that it has stopped.

An agent counts in an attribute of its participant. LiveKit tells nobody when a worker is killed:
its participant stays in the room for a quarter of a minute, and the job counts as running for ever.
So the other workers look whether the count goes on (`abandoned_rooms.py`).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from livekit import rtc
from livekit.protocol.models import ParticipantInfo

from vdx.core.logs import logger
from vdx.transports.room.participants import ATTRIBUTE_NAME

log = logger(__name__)

ATTRIBUTE_HEARTBEAT = "vdx.alive"
EVERY_S = 1.0
SEND_TIMEOUT_S = 5.0
SILENT_S = 5.0
"""An agent without a heartbeat for so long is dead: five of them are missing."""
LOOKS = 4
"""So many looks have to agree: whoever looks may have been held up itself."""
HUMAN_KINDS = (ParticipantInfo.Kind.STANDARD, ParticipantInfo.Kind.SIP)
NOBODY = ""


async def send_heartbeats(room: rtc.Room) -> None:
    """Counts until cancelled."""
    count = 0
    while True:
        count += 1
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await room.local_participant.set_attributes({ATTRIBUTE_HEARTBEAT: str(count)})
        # livekit raises bare Exceptions; a room that is left has no attributes any more.
        except Exception as error:  # noqa: BLE001
            log.debug("heartbeat not sent", room=room.name, error=repr(error))
        await asyncio.sleep(EVERY_S)


def agents_of(participants: Iterable[ParticipantInfo], name: str) -> dict[str, str]:
    """Identity -> count of each agent of that name; "" where it has not begun to count."""
    return {
        each.identity: each.attributes.get(ATTRIBUTE_HEARTBEAT, "")
        for each in participants
        if each.kind == ParticipantInfo.Kind.AGENT and each.attributes.get(ATTRIBUTE_NAME) == name
    }


def beats_of(participants: Iterable[ParticipantInfo], name: str) -> str | None:
    """The counts of a room's agents now, `NOBODY` where none is there.

    None where nothing can be concluded: no person is in the room, or an agent has just come, or is
    of a version that does not count.
    """
    here = list(participants)
    if not any(each.kind in HUMAN_KINDS for each in here):
        return None
    agents = agents_of(here, name)
    if not all(agents.values()):
        return None
    return " ".join(f"{identity}={count}" for identity, count in sorted(agents.items()))


@dataclass(slots=True)
class _Seen:
    beats: str
    since: float
    looks: int = 1


class HeartbeatWatch:
    """What was seen of each room; `look` tells whether its agent is dead."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self, room: str, beats: str | None, now: float) -> bool:
        """Takes what `beats_of` found at `now`, in seconds of a monotonic clock."""
        if beats is None:
            self._seen.pop(room, None)
            return False
        seen = self._seen.get(room)
        if seen is None or seen.beats != beats:
            self._seen[room] = _Seen(beats, now)
            return False
        seen.looks += 1
        return seen.looks >= LOOKS and now - seen.since >= SILENT_S

    def keep(self, rooms: Iterable[str]) -> None:
        """Forgets every other room."""
        kept = set(rooms)
        self._seen = {room: seen for room, seen in self._seen.items() if room in kept}
