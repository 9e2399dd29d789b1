"""The participants of a room: the linked user, whom the session is with, and spectators."""

import asyncio
from collections.abc import Callable

from livekit import rtc

HUMAN_KINDS = (
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
)
ATTRIBUTE_NAME = "lk.agent.name"
MICROPHONES = (rtc.TrackSource.SOURCE_MICROPHONE, rtc.TrackSource.SOURCE_UNKNOWN)
"""Sources that count as the user's speech; the audio of a shared screen does not."""
LEFT = (
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.DUPLICATE_IDENTITY,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
)
"""Why somebody is disconnected who was told so; for every other reason the connection was lost."""


class Participants:
    """Follows a room's events; `linked` is the identity of the user, "" while there is none.

    `on_microphone` is called with a track of the linked user that can be heard, and with None
    and its sid when it is gone; `on_spectator` once for everybody else. Two agents of one name
    (dispatched twice, or once more after the server was restarted) would both answer: the one
    whose identity comes first stays, for the other the room is over.
    """

    def __init__(
        self,
        room: rtc.Room,
        agent_name: str,
        on_microphone: Callable[[rtc.Track | None, str], None],
        on_spectator: Callable[[str], None],
    ) -> None:
        self._room = room
        self._agent_name = agent_name
        self._on_microphone = on_microphone
        self._on_spectator = on_spectator
        self._changed = asyncio.Event()
        self._spectators: set[str] = set()
        self.linked = ""
        self.over = False
        """The room is closed, or this participant was removed from it or lost its connection."""
        self.lost = False
        """The connection was lost: the room may be there still, and people in it."""

    def follow(self) -> None:
        """Begins to take the room's events; call before connecting."""
        on = self._room.on
        on("participant_connected", self._arrived)
        on("participant_disconnected", self._left)
        on("track_published", self._published)
        on("track_subscribed", self._subscribed)
        on("track_unsubscribed", self._unsubscribed)
        on("disconnected", self._disconnected)

    @property
    def present(self) -> bool:
        """The linked user is in the room."""
        return bool(self.linked) and self.linked in self._humans()

    async def next_user(self, seconds: float) -> str:
        """Links the user who came first and is here, or the next to come within `seconds`.

        Returns their identity, "" when nobody came or the room is closed.
        """
        for participant in self._room.remote_participants.values():
            self._give_way(participant)
        try:
            async with asyncio.timeout(seconds):
                while not self.over and not self._humans():
                    await self._change()
        except TimeoutError:
            return ""
        if self.over:
            return ""
        humans = self._humans()
        self.linked = min(humans, key=lambda identity: _joined(humans[identity]))
        self._spectators.discard(self.linked)
        for publication in humans[self.linked].track_publications.values():
            self._consider(publication)
        for identity in humans:
            self._tell_spectator(identity)
        return self.linked

    def unlink(self) -> None:
        self.linked = ""

    async def away(self) -> None:
        """Returns when the linked user is not in the room, or the room is closed."""
        while self.present and not self.over:
            await self._change()

    async def back(self) -> None:
        """Returns when the linked user is in the room again, or the room is closed."""
        while not self.present and not self.over:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _humans(self) -> dict[str, rtc.RemoteParticipant]:
        everybody = self._room.remote_participants.items()
        return {identity: p for identity, p in everybody if p.kind in HUMAN_KINDS}

    def _arrived(self, participant: rtc.RemoteParticipant) -> None:
        if self.linked and participant.kind in HUMAN_KINDS:
            self._tell_spectator(participant.identity)
        self._give_way(participant)
        self._changed.set()

    def _give_way(self, other: rtc.RemoteParticipant) -> None:
        """Ends it here if `other` is an agent of our name that goes before us."""
        twin = (
            other.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
            and other.attributes.get(ATTRIBUTE_NAME) == self._agent_name
        )
        if twin and other.identity < self._room.local_participant.identity:
            self.over = True

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        self._spectators.discard(participant.identity)
        self._changed.set()

    def _tell_spectator(self, identity: str) -> None:
        if identity not in (self.linked, *self._spectators):
            self._spectators.add(identity)
            self._on_spectator(identity)

    def _published(
        self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity == self.linked:
            self._consider(publication)

    def _consider(self, publication: rtc.RemoteTrackPublication) -> None:
        """Only the linked user's microphone is subscribed to."""
        if publication.kind != rtc.TrackKind.KIND_AUDIO or publication.source not in MICROPHONES:
            return
        if publication.track is not None:
            self._on_microphone(publication.track, publication.sid)
        else:
            publication.set_subscribed(True)

    def _subscribed(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if participant.identity == self.linked and publication.source in MICROPHONES:
            self._on_microphone(track, publication.sid)

    def _unsubscribed(
        self,
        _track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if participant.identity == self.linked:
            self._on_microphone(None, publication.sid)

    def _disconnected(self, reason: int = rtc.DisconnectReason.UNKNOWN_REASON) -> None:
        self.over = True
        self.lost = reason not in LEFT
        self._changed.set()


def _joined(participant: rtc.RemoteParticipant) -> float:
    """Seconds since the epoch; the last of all while the server has not said."""
    return participant.joined_at.timestamp() if participant.joined_at else float("inf")
