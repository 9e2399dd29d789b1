"""A person with the stock `livekit` client: nothing of vdx but the sound files' reader."""

import asyncio
import contextlib
import json
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
from livekit import rtc

from tests.wait_limit import WAIT_LIMIT_S, until_true
from vdx.client.recording import frames_of, room_noise

Event = dict[str, Any]
RATE = 24_000
LOUD = 200.0


def ask_token(url: str, **wanted: Any) -> dict[str, Any]:
    """The answer of `POST /token`."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/token", json.dumps(wanted).encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=WAIT_LIMIT_S) as answer:  # noqa: S310
        return dict(json.load(answer))


CALLS = 3
"""Tries of an RPC whose arrival nobody confirms."""
MEETINGS = 3
LONELY_S = 20.0
"""Without an agent for so long, a guest tries another room."""


class Guest:
    """Keeps everything that comes: `events`, `captions` (text, attributes, speaker), `states`."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.events: list[Event] = []
        self.captions: list[tuple[str, dict[str, str], str]] = []
        self.chats: list[str] = []
        self.states: list[str] = []
        self.loud: list[float] = []
        self.token: dict[str, Any] = {}
        self.track: rtc.LocalAudioTrack | None = None
        self.publication: rtc.LocalTrackPublication | None = None
        self.gone = False
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=100)
        self._noise = room_noise(RATE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def joined(
        cls, url: str, token: dict[str, Any] | None = None, *, silent: bool = False, **wanted: Any
    ) -> AsyncIterator["Guest"]:
        """In the room with a microphone (unless `silent`), and room noise on it."""
        guest = cls(rtc.Room())
        guest.token = token or await asyncio.to_thread(ask_token, url, **wanted)
        guest._follow()
        await guest.room.connect(guest.token["server_url"], guest.token["participant_token"])
        try:
            if not silent:
                await guest.publish()
            yield guest
        finally:
            await guest.leave()

    @classmethod
    @contextlib.asynccontextmanager
    async def met(cls, url: str, *, silent: bool = True, **wanted: Any) -> AsyncIterator["Guest"]:
        """Joined, and an agent came; whom none comes to looks for one in another room, as agreed.

        A busy LiveKit server now and then sends no agent.
        """
        for left in reversed(range(MEETINGS)):
            async with cls.joined(url, silent=silent, **wanted) as guest:
                try:
                    await guest.until(guest.told, "vdx.session", LONELY_S)
                except AssertionError:
                    if not left:
                        raise
                    continue
                yield guest
                return

    def told(self) -> list[Event]:
        """What an agent says first: that the conversation has begun, or why there is none."""
        return [*self.seen("vdx.session"), *self.seen("vdx.error")]

    async def leave(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    async def publish(self) -> None:
        self.track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        self.publication = await self.room.local_participant.publish_track(self.track, options)

    # --- speaking ---------------------------------------------------------------------------

    async def say(self, pcm: Any, *, then_s: float = 0.0) -> None:
        """Speaks at the pace of the source, then lets the room be heard."""
        noise = [self._noise[i % len(self._noise)] for i in range(int(then_s * 50))]
        for frame in [*frames_of(pcm, RATE), *noise]:
            await self._source.capture_frame(rtc.AudioFrame(frame, RATE, 1, RATE // 50))

    async def settle(self, seconds: float = 0.5) -> None:
        await self.say(np.zeros(0, np.int16), then_s=seconds)

    async def call(self, method: str, payload: str = "") -> Event:
        """One RPC to the agent; LiveKit loses one now and then on a busy machine, and says so."""
        for left in reversed(range(CALLS)):
            try:
                answer = await self.room.local_participant.perform_rpc(
                    destination_identity=self.agent, method=method, payload=payload
                )
            except rtc.RpcError as error:
                if error.code != rtc.RpcError.ErrorCode.CONNECTION_TIMEOUT or not left:
                    raise
            else:
                return dict(json.loads(answer))
        raise AssertionError("no try was made")

    # --- listening --------------------------------------------------------------------------

    @property
    def agent(self) -> str:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        here = self.room.remote_participants.values()
        return next((who.identity for who in here if who.kind == kind), "")

    async def until(
        self, happened: Callable[[], Any], what: str, seconds: float = WAIT_LIMIT_S
    ) -> Any:
        """The first truthy result of `happened`, looked for at everything that comes."""
        try:
            return await until_true(happened, self._changed, seconds)
        except TimeoutError:
            kinds = [event["type"] for event in self.events if event["type"] != "vdx.vad"]
            raise AssertionError(f"{what}: not within {seconds:g} s; came: {kinds[-30:]}") from None

    async def event(self, kind: str, after: int = 0) -> Event:
        found = await self.until(lambda: self.seen(kind, after), kind)
        return dict(found[0])

    def seen(self, kind: str, after: int = 0) -> list[Event]:
        return [event for event in self.events[after:] if event["type"] == kind]

    async def ready(self) -> Event:
        """The conversation has begun with this guest."""
        return await self.event("vdx.session")

    async def quiet(self, seconds: float) -> None:
        """Returns once nothing was heard for so long."""
        while True:
            wait = (self.loud[-1] if self.loud else 0.0) + seconds - time.monotonic()
            if wait <= 0:
                return
            await asyncio.sleep(wait)

    def final_captions(self) -> list[tuple[str, dict[str, str], str]]:
        return [c for c in self.captions if c[1].get("lk.transcription_final") == "true"]

    def _follow(self) -> None:
        on = self.room.on
        on("track_subscribed", lambda track, *_: self._spawn(self._hear(track)))
        on("data_received", self._on_data)
        on("participant_attributes_changed", self._on_attributes)
        on("participant_connected", lambda *_: self._changed.set())
        on("participant_disconnected", lambda *_: self._changed.set())
        on("disconnected", self._on_disconnected)
        for topic in ("lk.transcription", "lk.chat"):
            self.room.register_text_stream_handler(
                topic, lambda reader, who, topic=topic: self._spawn(self._read(topic, reader, who))
            )

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                pcm = np.frombuffer(bytes(event.frame.data), np.int16).astype(np.float32)
                if np.sqrt((pcm * pcm).mean()) > LOUD:
                    self.loud.append(time.monotonic())
                    self._changed.set()
        finally:
            await stream.aclose()

    async def _read(self, topic: str, reader: rtc.TextStreamReader, who: str) -> None:
        with contextlib.suppress(ConnectionError):
            text = await reader.read_all()
            if topic == "lk.chat":
                self.chats.append(text)
            else:
                self.captions.append((text, dict(reader.info.attributes or {}), who))
            self._changed.set()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == "vdx.events":
            self.events.append(json.loads(packet.data))
            self._changed.set()

    def _on_attributes(self, changed: dict[str, str], _who: Any) -> None:
        if "lk.agent.state" in changed:
            self.states.append(changed["lk.agent.state"])
            self._changed.set()

    def _on_disconnected(self, *_: Any) -> None:
        self.gone = True
        self._changed.set()
