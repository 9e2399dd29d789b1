"""Rooms whose agent died with its worker, at a LiveKit in memory."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import api
from livekit.protocol.models import ParticipantInfo

from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import LiveKitConfig
from vdx.transports.room import abandoned_rooms
from vdx.transports.room.abandoned_rooms import OTHERS_FOR_S, AbandonedRooms
from vdx.transports.room.agent_heartbeat import ATTRIBUTE_HEARTBEAT, SILENT_S
from vdx.transports.room.participants import ATTRIBUTE_NAME

PERSON = ParticipantInfo(identity="person-1", kind=ParticipantInfo.Kind.STANDARD)
DEAD = ParticipantInfo(
    identity="vdx-1",
    kind=ParticipantInfo.Kind.AGENT,
    attributes={ATTRIBUTE_NAME: "vdx", ATTRIBUTE_HEARTBEAT: "7"},
)


class FakeLiveKit:
    """A person and a dead agent in every room; `unreachable` rooms are on a node that is gone."""

    def __init__(self, *rooms: str) -> None:
        self.dispatches = {room: ["old"] for room in rooms}
        self.unreachable: set[str] = set()
        self.removed: list[str] = []
        self.delete_s = 0.0
        self.room = self.agent_dispatch = self

    async def list_rooms(self, _request: Any) -> Any:
        rooms = [SimpleNamespace(name=room, sid=f"sid-{room}") for room in self.dispatches]
        return SimpleNamespace(rooms=rooms)

    async def list_participants(self, request: Any) -> Any:
        here = [PERSON] if request.room in self.removed else [PERSON, DEAD]
        return SimpleNamespace(participants=here)

    async def remove_participant(self, request: Any) -> None:
        if request.room in self.unreachable:
            raise api.TwirpError("unavailable", "no response from servers", status=503)
        self.removed.append(request.room)

    async def list_dispatch(self, room: str) -> list[Any]:
        ids = self.dispatches[room]
        return [SimpleNamespace(id=each, agent_name="vdx", metadata="") for each in ids]

    async def create_dispatch(self, request: Any) -> None:
        self.dispatches[request.room].append("new")

    async def delete_dispatch(self, dispatch: str, room: str) -> None:
        await asyncio.sleep(self.delete_s)
        self.dispatches[room].remove(dispatch)


class Clock:
    now = 0.0

    async def looks(self, rooms: AbandonedRooms, livekit: FakeLiveKit) -> None:
        """Looks once a second for as long as a dead agent takes to be found."""
        for _ in range(int(SILENT_S) + 1):
            await rooms._look(cast(Any, livekit))
            self.now += 1.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(abandoned_rooms, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(abandoned_rooms, "HASTE_S", 0.0)
    return clock


async def test_a_dead_agent_is_replaced(clock: Clock) -> None:
    livekit = FakeLiveKit("kitchen")
    await clock.looks(AbandonedRooms(LiveKitConfig(), set(), "me"), livekit)
    assert livekit.removed == ["kitchen"]
    assert livekit.dispatches == {"kitchen": ["new"]}


async def test_a_room_that_cannot_be_mended_keeps_nobody_from_the_next(clock: Clock) -> None:
    livekit = FakeLiveKit("cellar", "kitchen")
    livekit.unreachable.add("cellar")
    await clock.looks(AbandonedRooms(LiveKitConfig(), set(), "me"), livekit)
    assert livekit.dispatches == {"cellar": ["old"], "kitchen": ["new"]}


async def test_a_room_that_is_given_an_agent_later_is_looked_at_again(clock: Clock) -> None:
    livekit = FakeLiveKit("kitchen")
    livekit.dispatches["kitchen"].clear()
    rooms = AbandonedRooms(LiveKitConfig(), set(), "me")
    await clock.looks(rooms, livekit)
    assert livekit.dispatches == {"kitchen": []}, "it wants none"
    livekit.dispatches["kitchen"].append("old")
    clock.now += OTHERS_FOR_S
    await clock.looks(rooms, livekit)
    assert livekit.dispatches == {"kitchen": ["new"]}


@on_virtual_time
async def test_nobody_waits_for_the_rooms_before_theirs(clock: Clock) -> None:
    """LiveKit takes seconds to tell a dead worker that its job is over."""
    livekit = FakeLiveKit(*(f"room-{number}" for number in range(20)))
    livekit.delete_s = 5.0
    began = asyncio.get_running_loop().time()
    await clock.looks(AbandonedRooms(LiveKitConfig(), set(), "me"), livekit)
    assert set(map(tuple, livekit.dispatches.values())) == {("new",)}
    assert asyncio.get_running_loop().time() - began < 10
