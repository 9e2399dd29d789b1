"""A person at the official `openai` client: speaks recordings, keeps and checks every event."""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import time
import typing
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import openai.types.realtime as shapes
from numpy.typing import NDArray
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from pydantic import BaseModel, ValidationError

from tests.wait_limit import WAIT_LIMIT_S, until_true
from vdx.client.recording import frames_of, read_clip, room_noise

Event = dict[str, Any]
Samples = NDArray[np.int16]

RECORDINGS = Path(__file__).parents[1] / "data" / "audio"

RESPONSE_ORDER = (
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
)
"""What every response tells of its message exactly once, in this order; deltas lie between parts 3
and 4."""
WRITTEN_ORDER = (
    *RESPONSE_ORDER[:3],
    "response.output_text.done",
    *RESPONSE_ORDER[5:],
)
"""The same of one that is written."""
CALLS = ("vdx.", "response.function_call_arguments.", "response.mcp_call")
"""Events that lie anywhere between those of a response's message."""


def _shapes() -> dict[str, type[BaseModel]]:
    """The library's own model of every server event, by the event's name."""
    union = typing.get_args(shapes.RealtimeServerEvent)
    members = typing.get_args(union[0]) if len(union) < 10 else union
    return {typing.get_args(m.model_fields["type"].annotation)[0]: m for m in members}


SHAPES = _shapes()


def clip(name: str, rate: int = 24_000) -> Samples:
    """A recording of a person from its onset to its last loud sample, int16 mono."""
    found = read_clip(RECORDINGS / f"{name}.wav", rate)
    return found.pcm[max(0, found.onset - rate // 10) : found.end]


def uh(rate: int = 24_000) -> Samples:
    """300 ms out of the middle of a person's vowel."""
    pcm = clip("ps_librivox_0880", rate)
    power = np.convolve(pcm.astype(float) ** 2, np.ones(rate * 3 // 10), "valid")
    start = int(np.argmax(power))
    return pcm[start : start + rate * 3 // 10]


class Talk:
    """One conversation; `events` holds every server event in the order it came."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self.times: list[float] = []
        self.misshapen: list[str] = []
        self.closed = False
        self.rate = 24_000
        self._changed = asyncio.Event()

    # --- speaking ---------------------------------------------------------------------------

    async def append(self, pcm: Samples | bytes) -> None:
        raw = pcm if isinstance(pcm, bytes) else pcm.tobytes()
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(raw).decode())

    async def say(self, pcm: Samples, *, then_s: float = 0.0) -> None:
        """Speaks at the speed of a microphone, then lets the room be heard for `then_s`."""
        frames = frames_of(pcm, self.rate)
        noise = room_noise(self.rate)
        frames += [noise[i % len(noise)] for i in range(int(then_s * 50))]
        began = time.monotonic()
        for number, frame in enumerate(frames):
            await asyncio.sleep(max(0.0, began + number * 0.02 - time.monotonic()))
            await self.append(frame)

    async def turn(self, name: str = "ps_cards_001") -> Event:
        """Appends a whole recording at once and returns the response.created that answers."""
        mark = len(self.events)
        await self.append(clip(name, self.rate))
        return await self.wait("response.created", after=mark)

    async def full_turn(self, name: str = "ps_cards_001") -> Event:
        """A turn and its reply to the end; returns response.done."""
        mark = len(self.events)
        await self.turn(name)
        return await self.wait("response.done", after=mark)

    async def typed_turn(self, text: str) -> Event:
        """A typed line and its reply to the end; returns response.done."""
        mark = len(self.events)
        content: Any = [{"type": "input_text", "text": text}]
        item: Any = {"type": "message", "role": "user", "content": content}
        await self.connection.conversation.item.create(item=item)
        await self.connection.response.create()
        return await self.wait("response.done", after=mark)

    # --- listening --------------------------------------------------------------------------

    async def receive(self) -> None:
        """Runs beside the test; checks the shape of every event."""
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed):
            while True:
                raw = await self.connection.recv_bytes()
                self.connection.parse_event(raw)
                self._take(raw)
        self.closed = True
        self._changed.set()

    def _take(self, raw: bytes) -> None:
        event = json.loads(raw)
        shape = SHAPES.get(event["type"])
        if shape is not None:
            try:
                # The other rates are vdx's extension of the protocol.
                shape.model_validate_json(re.sub(rb'"rate":\d+', b'"rate":24000', raw))
            except ValidationError as error:
                self.misshapen.append(f"{event['type']}: {error}")
        elif not event["type"].startswith("vdx."):
            self.misshapen.append(f"{event['type']} is not of the protocol")
        self.events.append(event)
        self.times.append(time.monotonic())
        self._changed.set()

    async def until(self, happened: Callable[[], Any], what: str) -> Any:
        """The first truthy result, looked at after every event."""

        def looked() -> Any:
            result = happened()
            assert result or not self.closed, f"{what}: the server closed; {self._seen()}"
            return result

        try:
            return await until_true(looked, self._changed)
        except TimeoutError:
            raise AssertionError(f"{what} never came; {self._seen()}") from None

    def _seen(self) -> str:
        """The last events and all errors, for the message of an assertion."""
        errors = [event["error"] for event in self.of("error")]
        return f"had {self.kinds()[-40:]}, errors {errors}"

    async def wait(self, kind: str, *, after: int = 0, count: int = 1, **fields: Any) -> Event:
        """The `count`-th event of a kind with these fields from index `after` on."""

        def found() -> Event | None:
            hits = [
                event
                for event in self.of(kind, after=after)
                if all(event.get(key) == value for key, value in fields.items())
            ]
            return hits[count - 1] if len(hits) >= count else None

        return typing.cast(Event, await self.until(found, f"{kind} {fields or ''}"))

    async def error(self, after: int) -> Event:
        """The error told since `after`."""
        return typing.cast(Event, (await self.wait("error", after=after))["error"])

    async def closing(self) -> None:
        """Returns when the server has closed the socket."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while not self.closed:
                self._changed.clear()
                await self._changed.wait()

    # --- looking back -----------------------------------------------------------------------

    def kinds(self, after: int = 0) -> list[str]:
        """Names of the events, runs of the same one as one."""
        names = [event["type"] for event in self.events[after:]]
        return [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]

    def of(self, kind: str, *, after: int = 0) -> list[Event]:
        return [event for event in self.events[after:] if event["type"] == kind]

    def audio(self, response_id: str) -> Samples:
        """All audio of a response, int16 at the session's rate."""
        deltas = [
            base64.b64decode(event["delta"])
            for event in self.of("response.output_audio.delta")
            if event["response_id"] == response_id
        ]
        return np.frombuffer(b"".join(deltas), dtype="<i2")

    def longest_silence(self, response_id: str) -> float:
        """The longest time between two audio deltas of a response, in seconds."""
        times = [
            at
            for event, at in zip(self.events, self.times, strict=True)
            if event["type"] == "response.output_audio.delta"
            and event["response_id"] == response_id
        ]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)

    def check(self) -> None:
        """Every event has the library's shape, and every response the protocol's order."""
        assert not self.misshapen, "\n".join(self.misshapen)
        ids = [event["response"]["id"] for event in self.of("response.created")]
        assert len(ids) == len(set(ids))
        alive: set[str] = set()
        for event in self.events:
            if event["type"] == "response.created" and event["response"]["conversation_id"]:
                alive.add(event["response"]["id"])
            elif event["type"] == "response.done":
                alive.discard(event["response"]["id"])
            assert len(alive) <= 1, "two responses at once"
        for response_id in ids:
            self._check_response(response_id)

    def _check_response(self, response_id: str) -> None:
        told = [
            event["type"]
            for event in self.events
            if response_id in (event.get("response_id"), event.get("response", {}).get("id"))
            and not event["type"].startswith(CALLS)
            and event.get("item", {}).get("type", "message") == "message"
        ]
        once = tuple(kind for kind in told if not kind.endswith(".delta"))
        if once == ("response.created", "response.done"):
            [done] = [e for e in self.of("response.done") if e["response"]["id"] == response_id]
            assert done["response"]["output"] == [], "an output whose item was not told"
            return
        written = any(".output_text." in kind for kind in told)
        order = WRITTEN_ORDER if written else RESPONSE_ORDER
        assert once == order[: len(once)], once
        if "response.done" in once:
            deltas = [i for i, kind in enumerate(told) if kind.endswith(".delta")]
            assert all(2 < i < told.index(order[3]) for i in deltas), told


@contextlib.asynccontextmanager
async def talking(
    url: str,
    model: str = "vdx",
    *,
    api_key: str = "any",
    session: Event | None = None,
    check: bool = True,
) -> AsyncIterator[Talk]:
    """A conversation with the server at `url`, checked at its end."""
    client = AsyncOpenAI(
        api_key=api_key,
        base_url=f"{url}/v1",
        websocket_base_url=f"{url.replace('http', 'ws', 1)}/v1",
    )
    async with client, client.realtime.connect(model=model) as connection:
        talk = Talk(connection)
        receiver = asyncio.create_task(talk.receive(), name="talk-receive")
        try:
            await talk.wait("session.created")
            if session is not None:
                await update(talk, session)
            yield talk
            if check:
                talk.check()
        finally:
            receiver.cancel()
            await asyncio.gather(receiver, return_exceptions=True)


async def update(talk: Talk, session: Event) -> Event:
    """Sends session.update and returns the session of session.updated."""
    mark = len(talk.events)
    await talk.connection.send_raw(
        json.dumps({"type": "session.update", "session": {"type": "realtime", **session}})
    )
    await talk.until(
        lambda: talk.of("session.updated", after=mark) or talk.of("error", after=mark),
        "session.updated",
    )
    updated = talk.of("session.updated", after=mark)
    assert updated, talk.of("error", after=mark)
    return dict(updated[0]["session"])
