"""Why a room is over: it was closed, or the connection to it was lost."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from vdx.transports.room.participants import Participants

Reason = rtc.DisconnectReason


class Room:
    """Takes handlers of events."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}
        self.remote_participants: dict[str, Any] = {}
        self.local_participant = SimpleNamespace(identity="me")

    def on(self, event: str, handler: Any) -> None:
        self.handlers[event] = handler


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        (Reason.ROOM_DELETED, False),
        (Reason.ROOM_CLOSED, False),
        (Reason.PARTICIPANT_REMOVED, False),
        (Reason.DUPLICATE_IDENTITY, False),
        (Reason.CLIENT_INITIATED, False),
        (Reason.CONNECTION_TIMEOUT, True),
        (Reason.SIGNAL_CLOSE, True),
        (Reason.SERVER_SHUTDOWN, True),
        (Reason.STATE_MISMATCH, True),
        (Reason.UNKNOWN_REASON, True),
    ],
    ids=str,
)
def test_a_lost_connection_is_no_closed_room(reason: int, lost: bool) -> None:
    room = Room()
    participants = Participants(
        cast(rtc.Room, room), "vdx", ("standard",), lambda *_: None, lambda *_: None
    )
    participants.follow()
    room.handlers["disconnected"](reason)
    assert participants.over
    assert participants.lost is lost
