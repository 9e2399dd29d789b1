"""Bad input is told by name, and the session goes on."""

import base64
import contextlib
import json
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.talk import clip, talking

APPEND = "input_audio_buffer.append"
CREATE = "conversation.item.create"


def _item(text: Any, **changes: Any) -> dict[str, Any]:
    part = {"type": "input_text", "text": text}
    return {
        "type": CREATE,
        "item": {"type": "message", "role": "user", "content": [part]} | changes,
    }


BAD_MESSAGES: list[tuple[Any, str]] = [
    ("{not json", "not JSON"),
    ("", "not JSON"),
    ("[1, 2]", "JSON object"),
    ("null", "JSON object"),
    ("[" * 9_000, "nests deeper than 64"),
    ("[" * 100_000, "more than 10000 values"),
    ('{"a": ' + "9" * 5000 + "}", "more than 4300 digits"),
    ('{"a": NaN}', "NaN"),
    ('{"a": 1e999}', "too large"),
    (r'{"a": "\ud800"}', "surrogate"),
    ('{"a": "' + "x" * 1_100_000 + '"}', "1048576 bytes"),
    ({"type": "x" * 5000}, "unknown event type"),
    ({"type": "response.create", "event_id": "x" * 600}, "event_id"),
    ({"type": "response.create", "response": {"instructions": "x" * 262_145}}, "262144"),
    (
        {"type": "session.update", "session": {"type": "realtime", "instructions": "x" * 262_145}},
        "262144",
    ),
    (b"\x00\x01binary", "binary"),
    ({}, "unknown event type None"),
    ({"type": "input_audio_buffer.apend"}, "input_audio_buffer.apend"),
    ({"type": ["session.update"]}, "unknown event type"),
    ({"type": "response.done"}, "response.done"),
    ({"type": APPEND}, "audio"),
    ({"type": APPEND, "audio": 5}, "5"),
    ({"type": APPEND, "audio": "%%%"}, "not base64"),
    ({"type": APPEND, "audio": "ümläut"}, "not base64"),
    ({"type": APPEND, "audio": base64.b64encode(b"odd").decode()}, "3 bytes"),
    ({"type": "input_audio_buffer.commit"}, "empty"),
    ({"type": "response.cancel"}, "no active response"),
    ({"type": "response.create", "response": {"volume": 11}}, "response.volume"),
    ({"type": "response.create", "response": 5}, "response"),
    ({"type": "response.create", "response": "go"}, "go"),
    (_item(""), "text"),
    (_item("x" * 262_145), "session.max_item_text_bytes"),
    (_item(7), "text"),
    (_item("a", role="pope"), "pope"),
    (_item("a", content=[]), "item.content"),
    (_item("a", id=""), "item.id"),
    (_item("a") | {"previous_item_id": "nobody"}, "nobody"),
    ({"type": CREATE}, "item"),
    ({"type": "conversation.item.delete", "item_id": "nobody"}, "nobody"),
    ({"type": "conversation.item.retrieve"}, "item_id"),
    ({"type": "conversation.item.retrieve", "item_id": {}}, "item_id"),
    ({"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": "1"}, "audio_end_ms"),
    ({"type": "conversation.item.truncate", "item_id": "nobody", "audio_end_ms": 1}, "nobody"),
]


def _label(value: Any) -> str:
    return str(value)[:50]


@pytest.mark.parametrize(("message", "named"), BAD_MESSAGES, ids=_label)
async def test_a_bad_message_is_explained(server: str, message: Any, named: str) -> None:
    async with talking(server) as talk:
        raw = json.dumps(message) if isinstance(message, dict) else message
        await talk.connection.send_raw(raw)
        error = await talk.error(0)
        assert error["type"] == "invalid_request_error"
        assert named in error["message"]
        assert len(error["message"]) < 1000
        await talk.connection.send_raw(json.dumps(_item("still there?")))
        await talk.wait("conversation.item.done")


async def test_a_turn_works_after_every_bad_message(server: str) -> None:
    async with talking(server) as talk:
        for message, _ in BAD_MESSAGES:
            raw = json.dumps(message) if isinstance(message, dict) else message
            await talk.connection.send_raw(raw)
        await talk.wait("error", count=len(BAD_MESSAGES))
        assert (await talk.full_turn())["response"]["status"] == "completed"


async def test_a_message_over_the_limit_ends_only_its_own_session(server: str) -> None:
    async with talking(server) as other, talking(server) as talk:
        huge = json.dumps({"type": APPEND, "audio": "A" * (16 * 1024 * 1024)})
        with contextlib.suppress(ConnectionClosed):  # the refusal may overtake the sending
            await talk.connection.send_raw(huge)
        await talk.closing()
        assert (await other.full_turn())["response"]["status"] == "completed"


async def test_a_message_just_under_the_limit_is_taken(server: str) -> None:
    async with talking(server) as talk:
        noise = base64.b64encode(bytes(11 * 1024 * 1024)).decode()
        await talk.connection.send_raw(json.dumps({"type": APPEND, "audio": noise}))
        await talk.connection.send_raw("{}")
        assert "unknown event" in (await talk.error(0))["message"]


async def test_raw_protocol_violations_end_only_their_own_socket(server: str) -> None:
    address = server.replace("http", "ws") + "/v1/realtime"
    async with talking(server) as talk:
        async with connect(address) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            socket.transport.write(b"\xff\xff\xff\xff not a frame")
            await socket.wait_closed()
        async with connect(address) as socket:
            socket.transport.write(b"\x81")  # half a frame, then nothing
            socket.transport.abort()
        assert (await talk.full_turn())["response"]["status"] == "completed"


async def test_text_nobody_can_say_harms_nothing(server: str) -> None:
    async with talking(server) as talk:
        for text in ("\x00\x01\x02", "\u200b\u200b", "…", "🎉🎉", "   \n\t  "):
            mark = len(talk.events)
            await talk.connection.send_raw(json.dumps(_item(text)))
            await talk.wait("conversation.item.done", after=mark)
            await talk.connection.response.create()
            await talk.wait("response.done", after=mark)
        assert (await talk.full_turn())["response"]["status"] == "completed"
        assert not talk.of("error")


async def test_very_long_text_is_spoken_in_pieces(server: str) -> None:
    async with talking(server, session={"audio": {"output": {"voice": "tone-fast"}}}) as talk:
        await talk.connection.send_raw(json.dumps(_item("abcdefghij" * 9_000)))
        await talk.connection.response.create()
        await talk.wait("response.output_audio.delta", count=100)
        await talk.connection.response.cancel()
        assert (await talk.wait("response.done"))["response"]["status"] == "cancelled"
        assert not talk.of("error")


async def test_a_wrong_rate_is_only_bad_audio(server: str) -> None:
    async with talking(server) as talk:
        await talk.append(clip("ps_goforward", 8_000))  # three times too fast
        await talk.append(np.random.default_rng(1).integers(-32768, 32767, 48_000, np.int16))
        await talk.wait("input_audio_buffer.speech_stopped")
        await talk.wait("response.done")
        assert (await talk.full_turn())["response"]["status"] == "completed"


@pytest.mark.parametrize(
    ("path", "headers", "status", "named"),
    [
        ("?model=nobody", {}, 404, "fast, fast-long"),
        ("?model=vdx", {"OpenAI-Beta": "realtime=v1"}, 400, "beta"),
        ("?model=vdx", {"Origin": "http://evil.example"}, 403, "allowed_origins"),
    ],
)
async def test_a_refused_connection_says_why(
    server: str, path: str, headers: dict[str, str], status: int, named: str
) -> None:
    address = f"{server.replace('http', 'ws')}/v1/realtime{path}"
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(address, additional_headers=headers):
            pass
    assert refusal.value.response.status_code == status
    assert named in json.loads(refusal.value.response.body)["error"]["message"]


async def test_hostile_sockets_leave_nothing(server: str) -> None:
    rng = np.random.default_rng(7)
    address = server.replace("http", "ws") + "/v1/realtime"
    for _ in range(20):
        async with connect(address, max_queue=None) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            for _ in range(20):
                await socket.send(rng.bytes(int(rng.integers(1, 200))))
