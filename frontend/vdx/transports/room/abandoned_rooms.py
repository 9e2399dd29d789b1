"""Finds rooms whose agent died with its worker, and has LiveKit dispatch another.

Every worker looks at the rooms of others, a bounded number each second, chosen anew every half
minute so that with several workers each room is looked at by one. A dispatch says that a room wants
an agent: a conversation that ended deletes its own (`RoomWorker`), so that nobody is called back.
Two workers that find the same room dispatch twice; of two agents one goes (`Participants`).
"""

import asyncio
import random
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import aiohttp
from livekit import api
from livekit.protocol.agent_dispatch import (
    AgentDispatch,
    CreateAgentDispatchRequest,
)
from livekit.protocol.room import (
    ListParticipantsRequest,
    ListRoomsRequest,
    RoomParticipantIdentity,
)

from vdx.core.config import LiveKitConfig
from vdx.core.logs import logger
from vdx.transports.room.agent_heartbeat import NOBODY, HeartbeatWatch, agents_of, beats_of

log = logger(__name__)

EVERY_S = 1.0
MOST_ROOMS = 64
"""Looked at by one worker each second."""
CHOSEN_FOR_S = 30.0
OTHERS_FOR_S = 300.0
"""A room that wanted no agent of ours is not looked at for so long: it may want one later."""
HASTE_S = 0.5
"""Workers act a random moment of this length apart, so that mostly one acts."""
REQUEST_S = 5.0
REFUSED = (api.TwirpError, aiohttp.ClientError, TimeoutError)


class AbandonedRooms:
    """`run` beside the worker; `mine` are the names of the rooms that this process serves."""

    def __init__(self, config: LiveKitConfig, mine: set[str], me: str) -> None:
        self._config = config
        self._mine = mine
        self._me = me
        self._watch = HeartbeatWatch()
        self._others: dict[str, float] = {}
        """Sid of a room that wanted no agent of ours -> when it is looked at again."""

    async def run(self) -> None:
        """Looks until cancelled; a LiveKit server that is away is waited for."""
        async with client(self._config) as livekit:
            while True:
                try:
                    await self._look(livekit)
                except REFUSED as error:
                    log.debug("rooms not looked at", error=repr(error))
                except Exception:  # a task's root: rooms of this process must go on
                    log.exception("rooms not looked at")
                await asyncio.sleep(EVERY_S)

    async def _look(self, livekit: api.LiveKitAPI) -> None:
        rooms = (await livekit.room.list_rooms(ListRoomsRequest())).rooms
        now, sids = time.monotonic(), {room.sid for room in rooms}
        self._others = {
            sid: again for sid, again in self._others.items() if sid in sids and now < again
        }
        foreign = {room.name: room.sid for room in rooms if room.name not in self._mine}
        chosen = share([name for name, sid in foreign.items() if sid not in self._others], self._me)
        self._watch.keep(chosen)
        dead: list[tuple[str, str | None]] = []
        for name in chosen:
            with _refusal_logged(name):
                beats = beats_of(await self._participants(livekit, name), self._config.agent_name)
                if self._watch.look(name, beats, time.monotonic()):
                    dead.append((name, beats))
        # At once: a worker that dies leaves many rooms, and each may take seconds.
        async with asyncio.TaskGroup() as group:
            for name, beats in dead:
                mending = self._mended(livekit, name, foreign[name], beats)
                group.create_task(mending, name=f"mend-{name}")

    async def _mended(
        self, livekit: api.LiveKitAPI, room: str, sid: str, beats: str | None
    ) -> None:
        with _refusal_logged(room):
            await self._mend(livekit, room, sid, beats)

    async def _participants(self, livekit: api.LiveKitAPI, room: str) -> Sequence[Any]:
        return (
            await livekit.room.list_participants(ListParticipantsRequest(room=room))
        ).participants

    async def _mend(self, livekit: api.LiveKitAPI, room: str, sid: str, beats: str | None) -> None:
        """Removes dead agents and dispatches another, unless someone else has by now."""
        if not await self._wanted(livekit, room):
            self._others[sid] = time.monotonic() + OTHERS_FOR_S
            return
        await asyncio.sleep(random.uniform(0, HASTE_S))  # noqa: S311  # nosec B311
        found = await self._participants(livekit, room)
        wanted = await self._wanted(livekit, room)
        if beats_of(found, self._config.agent_name) != beats or not wanted or room in self._mine:
            return
        for identity in agents_of(found, self._config.agent_name):
            await livekit.room.remove_participant(
                RoomParticipantIdentity(room=room, identity=identity)
            )
        await livekit.agent_dispatch.create_dispatch(
            CreateAgentDispatchRequest(
                agent_name=self._config.agent_name, room=room, metadata=wanted[0].metadata
            )
        )
        self._watch.look(room, None, 0.0)
        # A room that no worker had a place for looks the same, every few seconds.
        tell = log.info if beats == NOBODY else log.warning
        tell("room without an agent gets another", room=room, was_there=beats != NOBODY)
        # Last, for it may take seconds: LiveKit tells the dead worker to end its job.
        for dispatch in wanted:
            await livekit.agent_dispatch.delete_dispatch(dispatch.id, room)

    async def _wanted(self, livekit: api.LiveKitAPI, room: str) -> list[AgentDispatch]:
        found = await livekit.agent_dispatch.list_dispatch(room)
        return [each for each in found if each.agent_name == self._config.agent_name]


@contextmanager
def _refusal_logged(room: str) -> Iterator[None]:
    """One that was closed meanwhile, or is on a node of LiveKit's that is gone, keeps no other."""
    try:
        yield
    except REFUSED as error:
        log.debug("room not looked at", room=room, error=repr(error))


def client(config: LiveKitConfig) -> api.LiveKitAPI:
    """LiveKit's API with the keys of the configuration."""
    return api.LiveKitAPI(
        config.url,
        config.api_key,
        config.api_secret.get_secret_value(),
        timeout=aiohttp.ClientTimeout(total=REQUEST_S),
    )


async def dispatch_is_done(config: LiveKitConfig, dispatch: str, room: str) -> None:
    """Says that a room wants its agent no more; a room that is closed needs no telling."""
    try:
        async with client(config) as livekit:
            await livekit.agent_dispatch.delete_dispatch(dispatch, room)
    except REFUSED as error:
        log.debug("dispatch not deleted", room=room, error=repr(error))


def share(rooms: Sequence[str], me: str, now: float | None = None) -> list[str]:
    """At most `MOST_ROOMS` of them, another choice for each worker and every half minute."""
    if len(rooms) <= MOST_ROOMS:
        return list(rooms)
    turn = int((time.monotonic() if now is None else now) / CHOSEN_FOR_S)
    return sorted(rooms, key=lambda room: zlib.crc32(f"{me} {turn} {room}".encode()))[:MOST_ROOMS]
