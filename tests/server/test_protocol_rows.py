"""Rows of the tables in docs/realtime.md, tried with raw frames at a real server."""

import base64
import json
from typing import Any

import pytest

from tests.server.processes import Http
from tests.server.talk import Event, Talk, clip, talking, update
from tests.server.tool_endpoint import WEATHER
from tests.unit.transports.test_protocol_table import rows


async def sent(talk: Talk, **event: Any) -> int:
    """Sends a raw frame; how many events had come before."""
    mark = len(talk.events)
    await talk.connection.send_raw(json.dumps(event))
    return mark


async def refused(talk: Talk, **event: Any) -> Event:
    """The error that a frame is answered with."""
    return await talk.error(await sent(talk, event_id="mine", **event))


async def item(talk: Talk, text: str, previous: str | None = None, **more: Any) -> Event:
    """What is told of a message that is added."""
    message = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
        **more,
    }
    mark = await sent(
        talk, type="conversation.item.create", item=message, previous_item_id=previous
    )
    return await talk.wait("conversation.item.added", after=mark)


TEXT = [{"type": "input_text", "text": "x"}]
REFUSALS: list[tuple[str, str, dict[str, Any], str]] = [
    ("Events of the client", "output_audio_buffer.clear", {}, ""),
    ("Error codes", "response_cancel_not_active", {"type": "response.cancel"}, ""),
    (
        "Error codes",
        "input_audio_buffer_commit_empty",
        {"type": "input_audio_buffer.commit"},
        "input_audio_buffer",
    ),
    (
        "Error codes",
        "item_create_invalid_previous_item_id",
        {
            "type": "conversation.item.create",
            "previous_item_id": "nobody",
            "item": {"type": "message", "role": "system", "content": TEXT},
        },
        "",
    ),
    *(
        (
            "Error codes",
            f"item_{verb}_invalid_item_id",
            {"type": f"conversation.item.{verb}", "item_id": "nobody"}
            | ({"content_index": 0, "audio_end_ms": 0} if verb == "truncate" else {}),
            "item_id",
        )
        for verb in ("retrieve", "truncate", "delete")
    ),
]


@pytest.mark.parametrize(("heading", "row", "event", "param"), REFUSALS, ids=lambda v: str(v)[:50])
async def test_a_refusal_has_the_code_of_its_row(
    server: str, heading: str, row: str, event: dict[str, Any], param: str
) -> None:
    assert row in rows(heading)
    async with talking(server) as talk:
        error = await refused(talk, **({"type": row} | event))
        assert error["event_id"] == "mine"
        if heading == "Error codes":
            assert error["code"] == row
        assert param in (error["param"] or "")


async def test_rows_of_items(server: str) -> None:
    async with talking(server) as talk:
        first = await item(talk, "one", id="one", status="incomplete", object="realtime.item")
        assert (first["previous_item_id"], first["item"]["status"]) == (None, "completed")
        assert (await item(talk, "two", id="two"))["previous_item_id"] == "one"
        assert (await item(talk, "zero", "root", id="zero"))["previous_item_id"] is None
        assert (await item(talk, "half", "one", id="half"))["previous_item_id"] == "one"
        made = await item(talk, "last")
        assert made["item"]["id"]
        assert made["previous_item_id"] == "two"
        message = {"type": "message", "role": "user", "content": TEXT, "id": "one"}
        error = await refused(talk, type="conversation.item.create", item=message)
        assert error["code"] == "item_create_duplicate_item_id"
        mark = await sent(talk, type="conversation.item.retrieve", item_id="half")
        found = await talk.wait("conversation.item.retrieved", after=mark)
        assert found["item"]["content"] == [{"type": "input_text", "text": "half"}]
        mark = await sent(talk, type="conversation.item.delete", item_id="half")
        assert (await talk.wait("conversation.item.deleted", after=mark))["item_id"] == "half"
        error = await refused(talk, type="conversation.item.retrieve", item_id="half")
        assert error["code"] == "item_retrieve_invalid_item_id"
        for role, kind in (("system", "output_text"), ("user", "output_text")):
            wrong = {"type": "message", "role": role, "content": [{"type": kind, "text": "x"}]}
            error = await refused(talk, type="conversation.item.create", item=wrong)
            assert "content" in error["param"]
        answer = {"type": "function_call_output", "call_id": "nobody's", "output": "x"}
        error = await refused(talk, type="conversation.item.create", item=answer)
        assert error["param"] == "item.call_id"
        call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
        mark = await sent(talk, type="conversation.item.create", item=call)
        assert (await talk.wait("conversation.item.added", after=mark))["item"]["call_id"] == "c"
        mark = await sent(talk, type="conversation.item.create", item=answer | {"call_id": "c"})
        told = await talk.until(
            lambda: [
                event["item"]["output"]
                for event in talk.of("conversation.item.done", after=mark)
                if event["item"]["type"] == "function_call_output"
            ],
            "the result is an item",
        )
        assert told == ["x"]


NO_EFFECT: list[tuple[str, Any]] = [
    ("tracing", "auto"),
    ("truncation", "disabled"),
    ("prompt", {"id": "pmpt_1"}),
    ("include", ["item.input_audio_transcription.logprobs"]),
    ("reasoning", {"effort": "low"}),
    ("model", "gpt-realtime"),
    ("id", "sess_mine"),
    ("object", "realtime.session"),
]


async def test_rows_of_the_session_without_effect(server: str) -> None:
    async with talking(server) as talk:
        before = await update(talk, {})
        for key, value in NO_EFFECT:
            assert rows("Fields of the session")[key].startswith("no effect"), key
            assert await update(talk, {key: value}) == before, key
        reduction = {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}}
        assert await update(talk, reduction) == before
        delayed = {"audio": {"input": {"transcription": {"delay": "high"}}}}
        assert await update(talk, delayed) == before


async def test_rows_of_the_session(server: str) -> None:
    async with talking(server) as talk:
        off = {"type": "server_vad", "create_response": False, "interrupt_response": False}
        await update(talk, {"audio": {"input": {"turn_detection": off}}})
        partial = {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}}}
        told = (await update(talk, partial))["audio"]["input"]["turn_detection"]
        assert (told["create_response"], told["interrupt_response"]) == (False, False)
        assert told["threshold"] == 0.7
        eager = {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}
        told = (await update(talk, {"audio": {"input": eager}}))["audio"]["input"]["turn_detection"]
        assert (told["eagerness"], told["create_response"]) == ("low", False)
        assert "threshold" not in told
        by_hand = await update(talk, {"audio": {"input": {"turn_detection": None}}})
        assert by_hand["audio"]["input"]["turn_detection"] is None
        law = {"type": "audio/pcmu"}
        told = await update(talk, {"audio": {"input": {"format": law}, "output": {"format": law}}})
        assert told["audio"]["output"]["format"]["type"] == "audio/pcmu"
        padded = {"turn_detection": {"type": "server_vad", "prefix_padding_ms": 3000}}
        told = (await update(talk, {"audio": {"input": padded}}))["audio"]["input"]
        assert told["turn_detection"]["prefix_padding_ms"] == 1000
        assert (await update(talk, {"max_output_tokens": 7}))["max_output_tokens"] == 7
        assert (await update(talk, {"output_modalities": ["text"]}))["output_modalities"] == [
            "text"
        ]
        assert (await update(talk, {"audio": {"output": {"speed": 4}}}))["audio"]["output"][
            "speed"
        ] == 4
        for wrong, param in (
            ({"tools": [{"type": "mcp", "server_label": "x", "server_url": "https://x"}]}, "tools"),
            ({"audio": {"input": {"turn_detection": {"threshold": 2}}}}, "threshold"),
            ({"audio": {"input": {"format": {"type": "audio/pcmu", "rate": 24000}}}}, "format"),
        ):
            error = await refused(talk, type="session.update", session={"type": "realtime"} | wrong)
            assert param in error["param"], error
        assert (await update(talk, {"type": "transcription"}))["type"] == "transcription"
        error = await refused(talk, type="session.update", session={"type": "realtime"})
        assert error["param"] == "session.type"


async def test_rows_of_a_response(server: str) -> None:
    async with talking(server, "fast") as talk:
        await item(talk, "hello")
        mark = await sent(
            talk,
            type="response.create",
            response={"metadata": {"mine": "1"}, "output_modalities": ["text"]},
        )
        done = (await talk.wait("response.done", after=mark))["response"]
        assert done["metadata"] == {"mine": "1"}
        assert done["usage"]["output_token_details"]["text_tokens"] > 0
        assert talk.of("response.output_text.delta", after=mark)
        assert not talk.of("response.output_audio.delta", after=mark)
        beside = {
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "a"}],
                }
            ],
        }
        mark = await sent(talk, type="response.create", response=beside)
        done = (await talk.wait("response.done", after=mark))["response"]
        assert done["conversation_id"] is None
        assert done["output"][0]["content"][0]["text"] == "You said: a"
        assert not talk.of("conversation.item.added", after=mark)
        error = await refused(talk, type="response.create", response=beside | {"tools": [WEATHER]})
        assert error["param"] == "response.tools"
        mark = await sent(talk, type="response.create", response={"max_output_tokens": 1})
        done = (await talk.wait("response.done", after=mark))["response"]
        assert done["status"] == "incomplete"
        assert done["status_details"]["reason"] == "max_output_tokens"
        mark = await sent(talk, type="response.create")
        created = await talk.wait("response.created", after=mark)
        error = await refused(talk, type="response.create")
        assert error["code"] == "conversation_already_has_active_response"
        error = await refused(talk, type="response.cancel", response_id="resp_other")
        assert error["code"] == "response_cancel_not_active"
        mark = await sent(talk, type="response.cancel", response_id=created["response"]["id"])
        done = (await talk.wait("response.done", after=mark))["response"]
        assert (done["status"], done["status_details"]["reason"]) == (
            "cancelled",
            "client_cancelled",
        )
        assert not [kind for kind in talk.kinds() if kind.startswith(("vdx.", "rate_limits"))]


async def test_the_row_of_a_silence_behind_a_reply(server: str) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 300}
    async with talking(
        server, "fast", session={"audio": {"input": {"turn_detection": detection}}}
    ) as talk:
        answered = talk.events.index(await talk.typed_turn("hello"))
        told = await talk.wait("input_audio_buffer.timeout_triggered", after=answered)
        assert 0 <= told["audio_end_ms"] - told["audio_start_ms"] <= 300
        of_it = {"item_id": told["item_id"]}
        committed = await talk.wait("input_audio_buffer.committed", after=answered, **of_it)
        done = await talk.wait("response.done", after=talk.events.index(committed))
        assert done["response"]["status"] == "completed"


async def test_rows_of_the_ways_in(server: str, http: Http) -> None:
    status, body = http.post("/v1/realtime/calls")
    assert status >= 400
    assert "/token" in json.dumps(body)
    async with talking(server) as talk:
        session = await update(talk, {})
        assert session["expires_at"] is None or session["expires_at"] > 0
        mark = await sent(talk, type="input_audio_buffer.clear")
        await talk.wait("input_audio_buffer.cleared", after=mark)


AUDIO = {"type": "input_audio", "audio": ""}


@pytest.mark.parametrize(
    ("event", "param"),
    [
        ({"type": "response.create", "response": []}, "response"),
        ({"type": "response.create", "response": ""}, "response"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "id": "root", "content": TEXT},
            },
            "item.id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [AUDIO]},
            },
            "item.content.0.audio",
        ),
    ],
    ids=["response is a list", "response is a text", "an item called root", "silent speech"],
)
async def test_what_could_only_be_misunderstood_is_refused(
    server: str, event: Event, param: str
) -> None:
    async with talking(server) as talk:
        error = await refused(talk, **event)
        assert error["param"] == param
        assert not talk.of("response.created")
        assert not talk.of("conversation.item.added")


async def test_an_item_can_be_named_as_soon_as_it_is_sent(server: str) -> None:
    """Also while those before it wait, as speech does until it is understood."""
    speech = base64.b64encode(clip("ps_cards_001").tobytes()).decode()
    spoken = [{"type": "input_audio", "audio": speech}]
    reply = [{"type": "output_audio", "transcript": "An answer."}]
    async with talking(server) as talk:
        for number, (role, content) in enumerate((("user", spoken), ("assistant", reply))):
            message = {"type": "message", "role": role, "id": f"i{number}", "content": content}
            await sent(talk, type="conversation.item.create", item=message)
        await sent(talk, type="conversation.item.retrieve", item_id="i1")
        cut = {"item_id": "i1", "content_index": 0, "audio_end_ms": 0}
        await sent(talk, type="conversation.item.truncate", **cut)
        await sent(talk, type="conversation.item.retrieve", item_id="nobody")
        error = await talk.error(0)
        assert error["code"] == "item_retrieve_invalid_item_id"
        assert "nobody" in error["message"]
        (found,) = talk.of("conversation.item.retrieved")
        assert found["item"]["id"] == "i1"
