"""Settings that a client changes while a model loads: in order, bounded, and beside the audio."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from tests.unit.test_app import KINDS, SpeakingTriton
from vdx.app import Application
from vdx.core.config import Config
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.manager import ModelManager
from vdx.transports.realtime.connection import Connection
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.updates import MAX_PENDING, SessionUpdates

HELD = "tone"


class HeldTriton(SpeakingTriton):
    """Loads a model only once `gate` is set."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, model: str) -> None:
        await self.gate.wait()
        await super().load(model)


class FakeSocket:
    """A client: `sends` events, and keeps what it receives."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue(100)
        self._changed = asyncio.Event()
        self.received: list[dict[str, Any]] = []

    def sends(self, kind: str, **fields: Any) -> None:
        self._messages.put_nowait(
            {"type": "websocket.receive", "text": json.dumps({"type": kind, **fields})}
        )

    def updates(self, event_id: str, **session: Any) -> None:
        self.sends("session.update", event_id=event_id, session={"type": "realtime", **session})

    def leaves(self) -> None:
        self._messages.put_nowait({"type": "websocket.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self._messages.get()

    async def send_text(self, text: str) -> None:
        self.received.append(json.loads(text))
        self._changed.set()

    async def close(self, code: int, reason: str) -> None: ...

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.received if event["type"] == kind]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[FakeSocket, HeldTriton, Connection]]:
    """A connection whose host is configured for HELD, which is not loaded now."""
    triton = HeldTriton(dict(KINDS), load_s=0.0)
    client = cast(Any, triton)
    config = Config.model_validate({"profiles": {"tones": {"voice": HELD}}})
    host = Application(config, client, ModelManager(client))
    await host.load_defaults()
    await host.manager.unload(HELD)
    triton.gate.clear()
    socket, options = FakeSocket(), host.profiles.options("")
    settings = Settings(options, options.voice_choice, options.recogniser)
    connection = Connection(cast(Any, socket), host, settings)
    serving = asyncio.create_task(connection.run())
    try:
        yield socket, triton, connection
    finally:
        socket.leaves()
        async with asyncio.timeout(20):
            await serving
        await host.close()


def voice(name: str) -> dict[str, Any]:
    return {"audio": {"output": {"voice": name}}}


async def test_a_session_on_trial_begins_by_telling_the_version_that_speaks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with connected() as (_, _, connection):
        monkeypatch.setattr(
            connection._host.updates,
            "for_session",
            lambda options, _: options.updated(voice_choice=VoiceChoice("bell")),
        )
        socket = FakeSocket()
        other = Connection(cast(Any, socket), connection._host, connection._settings)
        serving = asyncio.create_task(other.run())
        await socket.until(lambda: bool(socket.of("session.created")))
        assert socket.of("session.created")[0]["session"]["audio"]["output"]["voice"] == "bell"
        socket.leaves()
        await serving


async def test_audio_is_taken_while_several_updates_wait_for_a_model() -> None:
    async with connected() as (socket, triton, connection):
        socket.updates("first", **voice(HELD))
        socket.updates("second", instructions="Be brief.")
        socket.sends("input_audio_buffer.append", audio=base64.b64encode(bytes(48_000)).decode())
        socket.sends("session.nothing", event_id="after")  # refused at once
        await socket.until(lambda: bool(socket.of("error")))
        assert socket.of("error")[0]["error"]["event_id"] == "after"
        assert connection._session.hearing.position_ms >= 900
        assert socket.of("session.updated") == []
        triton.gate.set()
        await socket.until(lambda: len(socket.of("session.updated")) == 2)


async def test_updates_take_effect_in_the_order_they_were_sent() -> None:
    async with connected() as (socket, triton, _):
        socket.updates("1", instructions="Zero.")
        socket.updates("2", **voice(HELD))
        socket.updates("3", instructions="One.")
        socket.updates("4", **voice("nobody"))
        socket.updates("5", instructions="Two.", **voice("espeak"))
        await socket.until(lambda: len(socket.of("session.updated")) == 1)
        triton.gate.set()
        await socket.until(lambda: len(socket.of("session.updated")) == 4)
        seen = [
            (event["session"]["instructions"], event["session"]["audio"]["output"]["voice"])
            for event in socket.of("session.updated")
        ]
        assert seen == [
            ("Zero.", "espeak"),
            ("Zero.", HELD),
            ("One.", HELD),
            ("Two.", "espeak"),
        ]
        assert [event["error"]["event_id"] for event in socket.of("error")] == ["4"]


async def taken() -> None:
    """Lets the connection read what was sent."""
    for _ in range(200):
        await asyncio.sleep(0)


def message(item_id: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": "Hello there."}]
    return {"id": item_id, "type": "message", "role": "user", "content": content}


async def test_a_reply_asked_for_after_an_update_is_made_with_its_voice() -> None:
    async with connected() as (socket, triton, _):
        socket.updates("1", **voice(HELD))
        socket.sends("conversation.item.create", item=message("asked"))
        socket.sends("response.create", event_id="reply")
        socket.sends("conversation.item.create", item=message("asked"), event_id="twice")
        socket.sends("session.nothing", event_id="after")  # refused at once
        await socket.until(lambda: bool(socket.of("error")))
        assert socket.of("response.created") == socket.of("conversation.item.added") == []
        triton.gate.set()
        await socket.until(lambda: bool(socket.of("response.created")))
        kinds = [event["type"] for event in socket.received]
        order = [kinds.index(kind) for kind in ORDERED]
        assert order == sorted(order)
        await socket.until(lambda: len(socket.of("error")) == 2)
        assert socket.of("error")[1]["error"]["event_id"] == "twice"
        await socket.until(lambda: bool(socket.of("response.output_audio.delta")))
        assert f"speak {HELD}" in triton.calls
        assert "speak espeak" not in triton.calls


ORDERED = ("session.updated", "conversation.item.added", "response.created")


async def test_what_is_begun_while_others_wait_comes_before_them() -> None:
    """As the hearing of an item comes before the reply to it."""
    done: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def hear() -> None:
        await asyncio.sleep(0)
        done.append("heard")

    async def item() -> None:
        done.append("item")
        updates.begin(hear, None)

    async def reply() -> None:
        done.append("reply")

    def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        tasks.append(asyncio.create_task(work()))
        return tasks[-1]

    async def apply(_: object) -> None: ...

    updates = SessionUpdates(apply, lambda _: False, lambda *_: None, spawn)
    updates.begin(hear, None)  # as an update that loads a model
    await updates.follow(item, None)
    await updates.follow(reply, None)
    await tasks[0]
    assert done == ["heard", "item", "heard", "reply"]


async def test_no_more_updates_wait_than_the_limit() -> None:
    async with connected() as (socket, triton, _):
        socket.updates("loads", **voice(HELD))
        for number in range(MAX_PENDING + 1):
            socket.updates(f"waits-{number}", instructions=f"{number}")
        await socket.until(lambda: bool(socket.of("error")))
        [refused] = socket.of("error")
        assert refused["error"]["event_id"] == f"waits-{MAX_PENDING}"
        assert refused["error"]["code"] == "limit_reached"
        assert refused["error"]["retryable"] is True
        triton.gate.set()
        await socket.until(lambda: len(socket.of("session.updated")) == MAX_PENDING + 1)
        socket.updates("later", instructions="done")
        await socket.until(lambda: len(socket.of("session.updated")) == MAX_PENDING + 2)


async def test_a_conversation_of_any_length_may_follow_an_update() -> None:
    """As a client sends it that restores one: none of its items is refused."""
    async with connected() as (socket, triton, _):
        socket.updates("loads", **voice(HELD))
        for number in range(2 * MAX_PENDING):
            socket.sends("conversation.item.create", item=message(f"item-{number}"))
        await taken()
        triton.gate.set()
        await socket.until(lambda: bool(socket.of("session.updated")))
        await socket.until(lambda: len(socket.of("conversation.item.done")) == 2 * MAX_PENDING)
        added = [event["item"]["id"] for event in socket.of("conversation.item.added")]
        assert added == [f"item-{number}" for number in range(2 * MAX_PENDING)]
        assert socket.of("error") == []


async def test_a_reply_is_cancelled_that_waits_for_an_update() -> None:
    async with connected() as (socket, triton, _):
        socket.updates("loads", **voice(HELD))
        socket.sends("conversation.item.create", item=message("asked"))
        socket.sends("response.create")
        socket.sends("response.cancel")
        await taken()
        triton.gate.set()
        await socket.until(lambda: bool(socket.of("response.done")))
        assert socket.of("response.done")[0]["response"]["status"] == "cancelled"
        assert socket.of("error") == []


async def test_what_waits_is_dropped_when_the_client_leaves() -> None:
    async with connected() as (socket, _, _):
        socket.updates("first", **voice(HELD))
        socket.updates("second", instructions="Be brief.")
        socket.sends("session.nothing", event_id="after")  # refused at once
        await socket.until(lambda: bool(socket.of("error")))
    assert socket.of("session.updated") == []
