"""Everything that the agent sends to a room but audio: one bounded queue, one sender, one order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from livekit import rtc

from vdx.core.logs import logger

log = logger(__name__)

MAX_MESSAGES = 500
"""Queued messages; further ones are dropped and counted in `lost`."""
SEND_TIMEOUT_S = 10.0
TOPIC_TRANSCRIPTION = "lk.transcription"
TOPIC_CHAT = "lk.chat"
TOPIC_EVENTS = "vdx.events"
ATTRIBUTE_STATE = "lk.agent.state"

Send = Callable[[], Awaitable[Any]]


class RoomOutbox:
    """Takes messages at once; `run` delivers them one after the other."""

    def __init__(self, room: rtc.Room, *, transcription_packets: bool = False) -> None:
        self._room = room
        self._transcription_packets = transcription_packets
        self._queue: asyncio.Queue[Send] = asyncio.Queue(MAX_MESSAGES)
        self._writer: rtc.TextStreamWriter | None = None
        self.lost = 0

    def state(self, state: str) -> None:
        """Sets `lk.agent.state`."""
        self._post(lambda: self._me.set_attributes({ATTRIBUTE_STATE: state}))

    def event(self, text: str, to: str = "") -> None:
        """One JSON object on `vdx.events`, to everybody or to one identity."""
        recipients = [to] if to else []
        self._post(
            lambda: self._me.publish_data(
                text, topic=TOPIC_EVENTS, destination_identities=recipients
            )
        )

    def chat(self, text: str, to: str) -> None:
        """A line of chat for one identity."""
        self._post(lambda: self._me.send_text(text, topic=TOPIC_CHAT, destination_identities=[to]))

    def caption(self, text: str, attributes: dict[str, str], speaker: str) -> None:
        """A whole text on `lk.transcription`, in the name of `speaker`."""

        async def send() -> None:
            writer = await self._me.stream_text(
                topic=TOPIC_TRANSCRIPTION, attributes=attributes, sender_identity=speaker
            )
            await writer.write(text)
            await writer.aclose()

        self._post(send)

    def begin_caption(self, attributes: dict[str, str]) -> None:
        """Opens the stream of a reply; `extend_caption` and `end_caption` follow."""

        async def send() -> None:
            self._writer = await self._me.stream_text(
                topic=TOPIC_TRANSCRIPTION, attributes=attributes
            )

        self._post(send)

    def extend_caption(self, text: str) -> None:
        async def send() -> None:
            if self._writer is not None:
                await self._writer.write(text)

        self._post(send)

    def end_caption(self, attributes: dict[str, str]) -> None:
        """Closes the stream of a reply; the attributes replace those of its beginning."""

        async def send() -> None:
            writer, self._writer = self._writer, None
            if writer is not None:
                await writer.aclose(attributes=attributes)

        self._post(send)

    def packet(self, segment: str, text: str, track: str, speaker: str, *, final: bool) -> None:
        """The text of a segment so far, as clients from before text streams know it.

        `speaker` "" is the agent. Nothing unless `livekit.transcription_packets` asks for it.
        """
        if not (self._transcription_packets and track):
            return

        async def send() -> None:
            said = rtc.TranscriptionSegment(segment, text, 0, 0, "", final)
            await self._me.publish_transcription(
                rtc.Transcription(speaker or self._me.identity, track, [said])
            )

        self._post(send)

    async def run(self) -> None:
        """Delivers until cancelled."""
        while True:
            send = await self._queue.get()
            await self._deliver(send)
            self._queue.task_done()

    async def flush(self, seconds: float) -> None:
        """Returns when everything posted so far was delivered, or time is up."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.join()
        except TimeoutError:
            log.warning("messages left", room=self._room.name, count=self._queue.qsize())

    async def _deliver(self, send: Send) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send()
        # livekit raises bare Exceptions; a lost message must not end the room.
        except Exception as error:  # noqa: BLE001
            self.lost += 1
            log.warning("message lost", room=self._room.name, error=repr(error))

    @property
    def _me(self) -> rtc.LocalParticipant:
        return self._room.local_participant

    def _post(self, send: Send) -> None:
        try:
            self._queue.put_nowait(send)
        except asyncio.QueueFull:
            self.lost += 1
            if self.lost == 1:
                log.warning("room is too far behind", room=self._room.name)
