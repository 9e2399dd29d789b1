"""How an agent shows that it lives, and how others see that it does so no more.

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

ATTRIBUTE_ALIVE = "vdx.alive"
EVERY_S = 1.0
SEND_TIMEOUT_S = 5.0
SILENT_S = 5.0
"""An agent that shows nothing for so long is dead: five of its signs are missing."""
LOOKS = 4
"""So many looks have to agree: whoever looks may have been held up itself."""
HUMAN_KINDS = (ParticipantInfo.Kind.STANDARD, ParticipantInfo.Kind.SIP)
NOBODY = ""


async def show_life(room: rtc.Room) -> None:
    """Counts until cancelled."""
    count = 0
    while True:
        count += 1
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await room.local_participant.set_attributes({ATTRIBUTE_ALIVE: str(count)})
        # livekit raises bare Exceptions; a room that is left has no attributes any more.
        except Exception as error:  # noqa: BLE001
            log.debug("sign of life not sent", room=room.name, error=repr(error))
        await asyncio.sleep(EVERY_S)


def agents_of(participants: Iterable[ParticipantInfo], name: str) -> dict[str, str]:
    """Identity -> count of each agent of that name; "" where it has not begun to count."""
    return {
        each.identity: each.attributes.get(ATTRIBUTE_ALIVE, "")
        for each in participants
        if each.kind == ParticipantInfo.Kind.AGENT and each.attributes.get(ATTRIBUTE_NAME) == name
    }


def sign_of(participants: Iterable[ParticipantInfo], name: str) -> str | None:
    """What a room's agents show now, `NOBODY` where none is there.

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
    sign: str
    since: float
    looks: int = 1


class Pulse:
    """What was seen of each room; `look` says whether its agent is dead."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def look(self, room: str, sign: str | None, now: float) -> bool:
        """Takes what `sign_of` found at `now`, in seconds of a monotonic clock."""
        if sign is None:
            self._seen.pop(room, None)
            return False
        seen = self._seen.get(room)
        if seen is None or seen.sign != sign:
            self._seen[room] = _Seen(sign, now)
            return False
        seen.looks += 1
        return seen.looks >= LOOKS and now - seen.since >= SILENT_S

    def keep(self, rooms: Iterable[str]) -> None:
        """Forgets every other room."""
        kept = set(rooms)
        self._seen = {room: seen for room, seen in self._seen.items() if room in kept}
