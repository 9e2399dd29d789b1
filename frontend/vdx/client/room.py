"""A client in a LiveKit room: the same methods as `client/realtime.py`, over WebRTC.

    async with RoomClient.connect(url, agent={"greeting": "Hello."}) as client:
        await client.wait_for(lambda: client.log.replies)

The token comes from the server's `POST /token`. What the agent sends on `vdx.events` is recorded
in the log as the events that the WebSocket would have sent. A client that `falls_silent` plays
nothing between `vdx.playout.paused` and the reply's going on, as the page does: the event comes
before the end of the sound, which waits in the jitter buffer.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc

from vdx.client.connection import ClientConnection
from vdx.client.log import Event
from vdx.client.room_audio_input import RoomAudioInput
from vdx.client.room_mute import Mute
from vdx.core.audio import SAMPLE_BYTES
from vdx.core.error_words import error_words
from vdx.core.errors import ConnectionLost

ROOM_RATE = 24_000
"""Sample rate of input and output in Hz; LiveKit resamples to its own 48 kHz."""
ASK_S = 10.0
JOIN_S = 60.0


class RoomClient(ClientConnection):
    """One user in one room; `ready_ms` is from joining to the start of the conversation."""

    def __init__(self, room: rtc.Room, rate: int, *, falls_silent: bool = False) -> None:
        super().__init__(rate)
        self._room = room
        self.listener = RoomAudioInput(rate)
        self.received = RoomAudioInput(rate)
        """All sound that came, whether it was played or not."""
        self._mute = Mute() if falls_silent else None
        self.joining = 0.0
        """When joining began, monotonic seconds; it dispatches the agent."""
        # Without a queue what is said leaves at once, as from a sound card; it takes 10 ms pieces.
        self._microphone = rtc.AudioSource(rate, 1, queue_size_ms=0)
        self._hearing: set[asyncio.Task[None]] = set()
        self._frame_ms = 10

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls,
        url: str,
        *,
        api_key: str = "",
        rate: int = ROOM_RATE,
        agent: dict[str, str] | None = None,
        frame_ms: int = 10,
        falls_silent: bool = False,
    ) -> AsyncIterator["RoomClient"]:
        """A room of its own with the agent in it; `agent` is the metadata of the dispatch.

        Raises:
            ConnectionLost: the server has no rooms, or no agent comes.
        """
        wanted: dict[str, Any] = {**(agent or {})}
        if falls_silent:
            wanted["silent_at_pause"] = True
        token = await asyncio.to_thread(ask_token, url, api_key, wanted)
        room = rtc.Room()
        client = cls(room, rate, falls_silent=falls_silent)
        client._frame_ms = frame_ms
        client._follow()
        client.joining = time.monotonic()
        try:
            await room.connect(token["server_url"], token["participant_token"])
            await client._publish()
            await client.wait_for(lambda: bool(client.session), JOIN_S)
            client.ready_ms = (time.monotonic() - client.joining) * 1000
            yield client
        except TimeoutError:
            raise ConnectionLost(f"no agent came to the room within {JOIN_S:g} s") from None
        except rtc.ConnectError as error:
            raise ConnectionLost(f"{token['server_url']}: {error.message}") from error
        finally:
            for task in client._hearing:
                task.cancel()
            await asyncio.gather(*client._hearing, return_exceptions=True)
            await room.disconnect()
            await client._microphone.aclose()

    @property
    def agent(self) -> str:
        """The agent's identity, "" while it is not there."""
        agents = (
            identity
            for identity, participant in self._room.remote_participants.items()
            if participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        )
        return next(agents, "")

    async def call(self, method: str, **payload: Any) -> dict[str, Any]:
        """An RPC to the agent; raises rtc.RpcError."""
        answer = await self._room.local_participant.perform_rpc(
            destination_identity=self.agent, method=method, payload=json.dumps(payload)
        )
        told: dict[str, Any] = json.loads(answer)
        return told

    @staticmethod
    def prepared(frame: bytes, rate: int) -> tuple[rtc.AudioFrame, ...]:
        """One frame (int16 mono at the client's rate) as `send_raw` takes it."""
        size = rate // 100 * SAMPLE_BYTES
        pieces = [frame[at : at + size] for at in range(0, len(frame), size)]
        return tuple(rtc.AudioFrame(piece, rate, 1, rate // 100) for piece in pieces)

    async def send_raw(self, message: tuple[rtc.AudioFrame, ...]) -> None:
        """Speaks one prepared frame."""
        for piece in message:
            await self._microphone.capture_frame(piece)

    async def _publish(self) -> None:
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._room.local_participant.publish_track(track, options)

    def _follow(self) -> None:
        self._room.on("track_subscribed", self._on_track)
        self._room.on("data_received", self._on_data)
        self._room.on("disconnected", self._on_disconnected)

    def _on_track(self, track: rtc.Track, _publication: Any, who: rtc.RemoteParticipant) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO and who.identity == self.agent:
            task = asyncio.get_running_loop().create_task(self._hear(track), name="room-hear")
            self._hearing.add(task)
            task.add_done_callback(self._hearing.discard)

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(
            track, sample_rate=self.rate, num_channels=1, frame_size_ms=self._frame_ms
        )
        try:
            async for event in stream:
                self._take_sound(bytes(event.frame.data), time.monotonic())
        finally:
            await stream.aclose()

    def _take_sound(self, pcm: bytes, now: float) -> None:
        active = self.log.active
        response = active.id if active else ""
        loud = self.received.receive(response, pcm, now)
        if self._mute is not None and self._mute.holds(now):
            pcm = bytes(len(pcm))
        self.listener.receive(response, pcm, now)
        if loud and active is not None:
            event = {"type": "response.output_audio.delta", "response_id": active.id}
            self.log.take({**event, "delta": len(pcm)}, now)
            self._changed.set()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == "vdx.events":
            self._take(json.loads(packet.data), time.monotonic())

    def _on_disconnected(self, reason: Any) -> None:
        self._lost = f"the room is closed ({reason})"
        self._changed.set()

    def _take(self, event: Event, now: float) -> None:
        if event["type"] == "vdx.session":
            self.session = event
        if self._mute is not None:
            self._mute.take(event["type"], now)
        for each in (*_as_protocol(event), event):
            self.log.take(each, now)
            if self.on_event is not None:
                self.on_event(each, now)
        self._changed.set()


def _as_protocol(event: Event) -> list[Event]:
    """The WebSocket's event for the same thing, with the fields that the log reads."""
    match event["type"]:
        case "vdx.reply.started":
            return [{"type": "response.created", "response": {"id": event["response_id"]}}]
        case "vdx.reply.ended":
            item = {"content": [{"transcript": event["text"]}]}
            response = {"id": event["response_id"], "status": event["status"], "output": [item]}
            return [{"type": "response.done", "response": response}]
        case "vdx.user.said":
            kind = "conversation.item.input_audio_transcription.completed"
            return [{"type": kind, "item_id": event["item_id"], "transcript": event["text"]}]
        case "vdx.error":
            return [{"type": "error", "error": event["error"]}]
        case _:
            return []


def ask_token(url: str, api_key: str, agent: dict[str, Any], **wanted: str) -> dict[str, Any]:
    """The answer of a vdx server's `POST /token`; `wanted` are further keys of the request.

    Raises:
        ConnectionLost: no server answers, or it refuses.
    """
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    if not url.startswith(("http://", "https://")):
        raise ConnectionLost(f"{url!r}: expected http://HOST:PORT")
    address, body = f"{url.rstrip('/')}/token", {**wanted, "agent": agent}
    try:
        answer = httpx2.post(address, json=body, headers=headers, timeout=ASK_S)
    except (httpx2.TransportError, httpx2.InvalidURL) as error:
        raise ConnectionLost(
            f"no vdx server answers at {url} ({error}); `vdx up --livekit` starts one"
        ) from None
    if not answer.is_success:
        raise ConnectionLost(f"{url}/token: {_reason(answer.content)}")
    told: dict[str, Any] = answer.json()
    return told


def _reason(body: bytes) -> str:
    try:
        told = error_words(json.loads(body))
    except ValueError:
        told = ""
    return told or "refused without a reason"
