"""Whether an agent lives: concluded from what its participant shows, and when it showed it."""

import pytest
from livekit.protocol.models import ParticipantInfo

from vdx.transports.room.abandoned_rooms import MOST_ROOMS, share
from vdx.transports.room.agent_heartbeat import (
    ATTRIBUTE_HEARTBEAT,
    LOOKS,
    NOBODY,
    SILENT_S,
    HeartbeatWatch,
    beats_of,
)
from vdx.transports.room.participants import ATTRIBUTE_NAME

PERSON = ParticipantInfo(identity="person-1", kind=ParticipantInfo.Kind.STANDARD)


def agent(identity: str = "vdx-1", count: str = "7", name: str = "vdx") -> ParticipantInfo:
    shown = {ATTRIBUTE_NAME: name} | ({ATTRIBUTE_HEARTBEAT: count} if count else {})
    return ParticipantInfo(identity=identity, kind=ParticipantInfo.Kind.AGENT, attributes=shown)


@pytest.mark.parametrize(
    ("participants", "beats"),
    [
        ([PERSON], NOBODY),
        ([PERSON, agent(name="somebody-else's")], NOBODY),
        ([PERSON, agent()], "vdx-1=7"),
        ([PERSON, agent("vdx-2"), agent("vdx-1")], "vdx-1=7 vdx-2=7"),
        ([PERSON, agent(count="")], None),
        ([agent()], None),
        ([], None),
    ],
    ids=["alone", "other-agent", "agent", "two", "does-not-count", "no-person", "empty"],
)
def test_what_a_room_shows(participants: list[ParticipantInfo], beats: str | None) -> None:
    assert beats_of(participants, "vdx") == beats


def test_an_agent_that_stopped_counting_is_dead_after_a_while() -> None:
    watch = HeartbeatWatch()
    looks = [watch.look("kitchen", "vdx-1=7", float(at)) for at in range(int(SILENT_S) + 1)]
    assert looks == [False] * int(SILENT_S) + [True]


def test_an_agent_that_counts_lives() -> None:
    watch = HeartbeatWatch()
    assert not any(watch.look("kitchen", f"vdx-1={at}", float(at)) for at in range(60))


def test_who_was_held_up_itself_concludes_nothing() -> None:
    watch = HeartbeatWatch()
    assert not any(watch.look("kitchen", NOBODY, at) for at in (0.0, 1.0, 60.0)[: LOOKS - 1])


def test_a_room_that_nobody_can_say_anything_of_begins_anew() -> None:
    watch = HeartbeatWatch()
    for at in range(4):
        watch.look("kitchen", NOBODY, float(at))
    watch.look("kitchen", None, 4.0)
    assert not any(watch.look("kitchen", NOBODY, at) for at in (5.0, 6.0, 7.0, 8.0))
    watch.keep([])
    assert not watch.look("kitchen", NOBODY, 60.0)


def test_every_room_is_looked_at_by_some_worker() -> None:
    rooms = [f"room-{number}" for number in range(10 * MOST_ROOMS)]
    assert share(rooms[:MOST_ROOMS], "one") == rooms[:MOST_ROOMS]
    seen = {
        room
        for worker in ("one", "two", "three")
        for minute in range(60)
        for room in share(rooms, worker, minute * 60.0)
    }
    assert len(share(rooms, "one")) == MOST_ROOMS
    assert seen == set(rooms)
