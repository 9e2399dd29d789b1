"""What clients of the Realtime protocol send, and what they are answered, over a fake socket."""

import asyncio
import base64
from typing import Any

import numpy as np
import pytest

from tests.unit.speech.signals import vowel
from tests.unit.transports.test_updates import FakeSocket, connected, message, taken
from vdx.core.audio_formats import WireFormat
from vdx.core.errors import InvalidInput
from vdx.core.resample import Resampler
from vdx.dialog.history import Item
from vdx.dialog.reply_request import ReplyRequest
from vdx.transports.realtime.connection import Connection
from vdx.transports.realtime.items import speech
from vdx.transports.realtime.responses import own_reply
from vdx.transports.realtime.schema import AudioPart, ResponseCreate, session_update


async def refused(socket: FakeSocket, kind: str, **fields: Any) -> dict[str, Any]:
    """The error that answers an event."""
    before = len(socket.of("error"))
    socket.sends(kind, event_id="mine", **fields)
    await socket.until(lambda: len(socket.of("error")) > before)
    error: dict[str, Any] = socket.of("error")[-1]["error"]
    assert error["event_id"] == "mine"
    assert error["type"] == "invalid_request_error"
    return error


async def replying(socket: FakeSocket) -> dict[str, Any]:
    """A reply that plays: its response.created."""
    socket.sends("conversation.item.create", item=message("asked"))
    socket.sends("response.create")
    await socket.until(lambda: bool(socket.of("response.output_audio.delta")))
    created: dict[str, Any] = socket.of("response.created")[0]["response"]
    return created


MISSING = [
    ("conversation.item.retrieve", "item_retrieve_invalid_item_id", {}),
    ("conversation.item.delete", "item_delete_invalid_item_id", {}),
    (
        "conversation.item.truncate",
        "item_truncate_invalid_item_id",
        {"content_index": 0, "audio_end_ms": 0},
    ),
]


@pytest.mark.parametrize(("kind", "code", "fields"), MISSING, ids=[case[0] for case in MISSING])
async def test_an_item_that_is_not_there(kind: str, code: str, fields: dict[str, Any]) -> None:
    async with connected() as (socket, _, _):
        error = await refused(socket, kind, item_id="none", **fields)
        assert (error["code"], error["param"]) == (code, "item_id")
        assert "none" in error["message"]


async def test_the_codes_that_clients_test_for() -> None:
    async with connected() as (socket, _, _):
        error = await refused(socket, "response.cancel")
        assert error["code"] == "response_cancel_not_active"
        assert error["message"].startswith("Cancellation failed: no active response found")
        error = await refused(socket, "input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"
        socket.sends("conversation.item.create", item=message("one"))
        error = await refused(socket, "conversation.item.create", item=message("one"))
        assert (error["code"], error["param"]) == ("item_create_duplicate_item_id", "item.id")
        unknown = {"item": message("two"), "previous_item_id": "none"}
        error = await refused(socket, "conversation.item.create", **unknown)
        assert error["param"] == "previous_item_id"


async def test_a_second_reply_and_one_that_is_not_under_way() -> None:
    async with connected() as (socket, _, _):
        created = await replying(socket)
        error = await refused(socket, "response.create")
        assert error["code"] == "conversation_already_has_active_response"
        assert created["id"] in error["message"]
        error = await refused(socket, "response.cancel", response_id="resp_other")
        assert error["code"] == "response_cancel_not_active"
        assert socket.of("response.done") == []
        socket.sends("response.cancel", response_id=created["id"])
        await socket.until(lambda: bool(socket.of("response.done")))
        assert socket.of("response.done")[0]["response"]["status"] == "cancelled"


async def test_a_second_reply_asked_for_while_the_first_waits_for_speech() -> None:
    async with connected() as (socket, _, connection):
        said = Resampler(16_000, 24_000).push(vowel(600).astype(np.int16), last=True)
        data = base64.b64encode(said.tobytes()).decode()
        socket.sends("input_audio_buffer.append", audio=data)
        await socket.until(lambda: bool(socket.of("input_audio_buffer.speech_started")))
        socket.sends("response.create")
        await taken()
        assert connection._session.reply_requested
        error = await refused(socket, "response.create")
        assert error["code"] == "conversation_already_has_active_response"
        socket.sends("response.cancel")
        await taken()
        assert not connection._session.reply_requested
        error = await refused(socket, "response.cancel")
        assert error["code"] == "response_cancel_not_active"


async def test_a_cancel_that_names_a_reply_leaves_the_one_that_waits() -> None:
    async with connected() as (socket, _, connection):
        created = await replying(socket)
        session, active = connection._session, connection._session.active_reply
        assert active is not None
        session.calls.begin(active, "c1", "weather")
        session.request_reply()
        await connection._response_cancel({"response_id": created["id"]})
        assert session.active_reply not in (None, active)


async def test_an_id_that_is_no_string_is_refused() -> None:
    async with connected() as (socket, _, connection):
        await replying(socket)
        error = await refused(socket, "response.cancel", response_id=7)
        assert error["param"] == "response_id"
        assert connection._session.active_reply is not None
        second = {"item": message("second"), "previous_item_id": 7}
        error = await refused(socket, "conversation.item.create", **second)
        assert error["param"] == "previous_item_id"


async def test_a_written_reply_is_not_ended_by_a_truncation() -> None:
    async with connected() as (socket, _, connection):
        await socket.until(lambda: bool(socket.of("session.created")))
        session = connection._session
        session.request_reply(own=ReplyRequest(text_only=True))
        active = session.active_reply
        assert active is not None
        where = {"item_id": active.item_id, "content_index": 0, "audio_end_ms": 0}
        with pytest.raises(InvalidInput, match="not a spoken message"):
            await connection._item_truncate(where)
        assert session.active_reply == active


async def test_truncating_a_reply_that_plays_ends_it_there() -> None:
    async with connected() as (socket, _, connection):
        await replying(socket)
        item_id = socket.of("response.output_item.added")[0]["item"]["id"]
        where = {"item_id": item_id, "content_index": 0}
        for wrong in (True, -1, "100", None):
            error = await refused(socket, "conversation.item.truncate", **where, audio_end_ms=wrong)
            assert error["param"] == "audio_end_ms"
        wrong_part = {"item_id": item_id, "content_index": 3, "audio_end_ms": 20}
        error = await refused(socket, "conversation.item.truncate", **wrong_part)
        assert error["param"] == "content_index"
        assert connection._session.active_reply is not None
        socket.sends("conversation.item.truncate", **where, audio_end_ms=60_000)
        await socket.until(lambda: bool(socket.of("conversation.item.truncated")))
        assert connection._session.active_reply is None
        [done] = socket.of("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        kept = socket.of("conversation.item.truncated")[0]["audio_end_ms"]
        assert kept < 60_000, "it says what was kept"
        socket.sends("conversation.item.truncate", **where, audio_end_ms=0)
        await socket.until(lambda: len(socket.of("conversation.item.truncated")) == 2)
        socket.sends("conversation.item.retrieve", item_id=item_id)
        await socket.until(lambda: bool(socket.of("conversation.item.retrieved")))
        part = socket.of("conversation.item.retrieved")[0]["item"]["content"][0]
        assert part == {"type": "output_audio", "transcript": None}


async def test_deleting_a_reply_that_plays_ends_it() -> None:
    async with connected() as (socket, _, connection):
        created = await replying(socket)
        item_id = socket.of("response.output_item.added")[0]["item"]["id"]
        socket.sends("conversation.item.delete", item_id="asked")
        await socket.until(lambda: bool(socket.of("conversation.item.deleted")))
        assert connection._session.active_reply is not None, "that is another item"
        socket.sends("conversation.item.delete", item_id=item_id)
        await socket.until(lambda: len(socket.of("conversation.item.deleted")) == 2)
        assert connection._session.active_reply is None
        [done] = socket.of("response.done")
        assert done["response"]["id"] == created["id"]
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        told = [event["type"] for event in socket.received]
        assert told.index("response.done") < len(told) - 1 - told[::-1].index(
            "conversation.item.deleted"
        )
        assert not any(item.id == item_id for item in connection._session.history)
        error = await refused(socket, "conversation.item.delete", item_id=item_id)
        assert error["code"] == "item_delete_invalid_item_id"


async def test_deleting_a_reply_leaves_the_one_that_waits() -> None:
    async with connected() as (socket, _, connection):
        await replying(socket)
        session, active = connection._session, connection._session.active_reply
        assert active is not None
        session.calls.begin(active, "c1", "weather")
        session.request_reply()
        await connection._item_delete({"item_id": active.item_id})
        assert session.active_reply not in (None, active)


async def test_deleting_a_written_reply_ends_it() -> None:
    async with connected() as (socket, _, connection):
        await socket.until(lambda: bool(socket.of("session.created")))
        session = connection._session
        session.request_reply(own=ReplyRequest(text_only=True))
        active = session.active_reply
        assert active is not None
        session.history.put(Item(active.item_id, "assistant", status="in_progress"))
        await connection._item_delete({"item_id": active.item_id})
        assert session.active_reply is None


@pytest.mark.parametrize("wrong", ["a\nb", "\x00", "\x1b[2J", "a\u2028b"], ids=ascii)
async def test_an_id_of_control_characters_is_refused(wrong: str) -> None:
    async with connected() as (socket, _, _):
        error = await refused(socket, "conversation.item.create", item=message(wrong))
        assert error["param"] == "item.id"
        output = {"type": "function_call_output", "call_id": wrong, "output": "x"}
        error = await refused(socket, "conversation.item.create", item=output)
        assert error["param"] == "item.call_id"
        wanted = {"conversation": "none", "input": [message(wrong)]}
        error = await refused(socket, "response.create", response=wanted)
        assert error["param"].startswith("response.input.0")
        assert wrong not in error["message"]


async def test_a_truncation_leaves_the_reply_that_waits() -> None:
    async with connected() as (socket, _, connection):
        await replying(socket)
        session, active = connection._session, connection._session.active_reply
        assert active is not None
        session.calls.begin(active, "c1", "weather")
        session.request_reply()
        where = {"item_id": active.item_id, "content_index": 0, "audio_end_ms": 0}
        await connection._item_truncate(where)
        assert session.active_reply not in (None, active)


async def test_an_item_that_the_server_took_out_is_still_known() -> None:
    """A client that has not heard of it yet meets no error; some end with one."""
    async with connected() as (socket, _, connection):
        await replying(socket)
        item_id = socket.of("response.output_item.added")[0]["item"]["id"]
        socket.sends("response.cancel")
        await socket.until(lambda: bool(socket.of("response.done")))
        assert connection._session.history.forget(item_id)
        where = {"item_id": item_id, "content_index": 0, "audio_end_ms": 20}
        socket.sends("conversation.item.truncate", **where)
        socket.sends("conversation.item.retrieve", item_id=item_id)
        socket.sends("conversation.item.delete", item_id=item_id)
        await socket.until(lambda: bool(socket.of("conversation.item.deleted")))
        assert socket.of("conversation.item.truncated")[0]["audio_end_ms"] <= 20
        assert socket.of("conversation.item.retrieved")[0]["item"]["id"] == item_id
        assert not any(item.id == item_id for item in connection._session.history)
        error = await refused(socket, "conversation.item.retrieve", item_id=item_id)
        assert error["code"] == "item_retrieve_invalid_item_id"


async def test_what_was_said_before_vad_is_switched_on_is_a_turn() -> None:
    async with connected() as (socket, _, connection):
        socket.updates("off", audio={"input": {"turn_detection": None}})
        await socket.until(lambda: bool(socket.of("session.updated")))
        said = Resampler(16_000, 24_000).push(vowel(600).astype(np.int16), last=True)
        data = base64.b64encode(said.tobytes()).decode()
        socket.sends("input_audio_buffer.append", audio=data)
        socket.updates("on", audio={"input": {"turn_detection": {"type": "server_vad"}}})
        await socket.until(lambda: len(socket.of("session.updated")) == 2)
        [committed] = socket.of("input_audio_buffer.committed")
        assert connection._session.history.find(committed["item_id"]) is not None
        error = await refused(socket, "input_audio_buffer.commit")
        assert error["code"] == "input_audio_buffer_commit_empty"


async def test_calls_in_the_own_input_of_a_response() -> None:
    async with connected() as (socket, _, connection):
        call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
        output = {"type": "function_call_output", "call_id": "c", "output": "sunny"}
        wanted = {"conversation": "none", "input": [message("asked"), call, output]}
        wanted = ResponseCreate.model_validate(wanted)
        own = own_reply(wanted, connection._session.history, connection._current(), bool)
        asked, made = connection._session.history.messages("", "", own.items)[-3:-1]
        assert asked.text == message("asked")["content"][0]["text"]
        assert made.calls[0].name == "weather"
        answer = connection._session.history.messages("", "", own.items)[-1]
        assert (answer.role, answer.text) == ("tool", "sunny")
        assert not socket.of("error")


async def test_a_response_of_an_empty_input() -> None:
    """With instructions they are all that is sent; without there is nothing to answer."""
    async with connected() as (socket, _, connection):
        socket.updates("none", instructions="")
        await socket.until(lambda: bool(socket.of("session.updated")))
        socket.sends("conversation.item.create", item=message("asked"))
        wanted = {"input": [], "conversation": "none", "output_modalities": ["text"]}
        error = await refused(socket, "response.create", response=wanted)
        assert error["param"] == "response.input"
        assert "nothing to answer" in error["message"]
        own = ResponseCreate.model_validate(wanted | {"instructions": "Greet."})
        request = own_reply(own, connection._session.history, connection._current(), bool)
        messages = connection._session.history.messages("", "Greet.", request.items)
        assert [(each.role, each.text) for each in messages] == [("system", "Greet.")]
        socket.updates("brief", instructions="Be brief.")
        await socket.until(lambda: len(socket.of("session.updated")) == 2)
        socket.sends("response.create", response=wanted)
        await socket.until(lambda: bool(socket.of("response.created")))
        assert len(socket.of("error")) == 1


async def test_a_response_to_an_empty_conversation() -> None:
    """It is made from the instructions; without them there is nothing to answer."""
    async with connected() as (socket, _, connection):
        assert connection._current().options.instructions
        assert len(connection._session.history) == 0
        socket.sends("response.create")
        await socket.until(lambda: bool(socket.of("response.done")))
        assert socket.of("response.done")[0]["response"]["status"] == "completed"
        [reply] = connection._session.history
        socket.sends("conversation.item.delete", item_id=reply.id)
        socket.updates("none", instructions="")
        await socket.until(lambda: bool(socket.of("session.updated")))
        error = await refused(socket, "response.create")
        assert error["param"] == "response"
        assert "the conversation is empty and there are no instructions" in error["message"]
        socket.sends("response.create", response={"instructions": "Greet."})
        await socket.until(lambda: len(socket.of("response.done")) == 2)


async def test_a_long_item_of_audio_lets_others_run() -> None:
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            await asyncio.sleep(0)
            passes += 1

    counting = asyncio.create_task(count())
    data = base64.b64encode(bytes(750_000)).decode()
    part = AudioPart(type="input_audio", audio=data)
    pcm = await speech(part, WireFormat())
    counting.cancel()
    assert len(pcm) == pytest.approx(500_000, abs=100)
    assert passes > 10
    with pytest.raises(InvalidInput, match="not base64") as caught:
        await speech(AudioPart(type="input_audio", audio="%%%"), WireFormat())
    assert caught.value.param == "item.content"


async def test_events_name_the_item_before_theirs() -> None:
    async with connected() as (socket, _, _):
        for item_id, after in [("a", None), ("b", None), ("c", "a"), ("d", "root")]:
            socket.sends("conversation.item.create", item=message(item_id), previous_item_id=after)
        socket.sends("conversation.item.delete", item_id="b")
        socket.sends("response.create")
        await socket.until(lambda: bool(socket.of("response.created")))
        await taken()
        added = {
            e["item"]["id"]: e["previous_item_id"] for e in socket.of("conversation.item.added")
        }
        reply = added.popitem()
        assert added == {"a": None, "b": "a", "c": "a", "d": None}
        assert reply[1] == "c", "not the deleted one, and not the one that was added last"


async def test_items_of_the_server_can_be_sent_back_as_they_came() -> None:
    async with connected() as (socket, _, _):
        await replying(socket)
        socket.sends("response.cancel")
        await socket.until(lambda: bool(socket.of("response.done")))
        came = [event["item"] for event in socket.of("conversation.item.done")]
        came += [event["item"] for event in socket.of("conversation.item.added")]
        came.append(
            {
                "type": "message",
                "role": "user",
                "object": "realtime.item",
                "status": "completed",
                "content": [{"type": "input_audio", "transcript": "hello"}],
            }
        )
        before = len(socket.of("conversation.item.done"))
        for number, item in enumerate(came):
            socket.sends("conversation.item.create", item={**item, "id": f"again{number}"})
        await socket.until(lambda: len(socket.of("conversation.item.done")) == before + len(came))
        assert socket.of("error") == []
        last = socket.of("conversation.item.done")[-1]["item"]
        assert last["content"] == [{"type": "input_audio", "transcript": "hello"}]


async def test_content_that_a_role_cannot_have() -> None:
    async with connected() as (socket, _, _):
        for item, param in [
            ({**message("a"), "role": "assistant"}, "item.content.0.type"),
            ({**message("a"), "content": []}, "item.content"),
            (
                {**message("a"), "content": [{"type": "input_text", "text": ""}]},
                "item.content.0.text",
            ),
        ]:
            error = await refused(socket, "conversation.item.create", item=item)
            assert error["param"] == param


async def test_a_transcription_session_has_no_replies() -> None:
    async with connected() as (socket, _, connection):
        socket.sends("session.update", session={"type": "transcription"})
        await socket.until(lambda: bool(socket.of("session.updated")))
        session = socket.of("session.updated")[0]["session"]
        assert (session["type"], session["object"]) == (
            "transcription",
            "realtime.transcription_session",
        )
        assert set(session["audio"]) == {"input"}
        assert not connection._session.options.auto_reply
        assert "no responses" in (await refused(socket, "response.create"))["message"]
        error = await refused(socket, "session.update", session={"type": "realtime"})
        assert error["param"] == "session.type"


async def test_written_replies_beside_the_conversation_and_in_it() -> None:
    async with connected() as (socket, _, _):
        await replying(socket)
        item = {**message("x"), "id": None}
        wanted = {
            "conversation": "none",
            "output_modalities": ["text"],
            "input": [item, {"type": "item_reference", "id": "asked"}],
            "metadata": {"topic": "rude"},
        }
        socket.sends("response.create", response=wanted)
        await socket.until(lambda: bool(socket.of("response.done")))
        [done] = socket.of("response.done")
        response = done["response"]
        assert (response["status"], response["conversation_id"]) == ("completed", None)
        assert response["metadata"] == {"topic": "rude"}
        assert response["output_modalities"] == ["text"]
        [output] = response["output"]
        assert output["content"][0]["type"] == "output_text"
        assert output["content"][0]["text"].startswith("You said: Hello there. Hello there.")
        usage = response["usage"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
        assert output["id"] not in [
            event["item"]["id"] for event in socket.of("conversation.item.added")
        ]
        kinds = [event["type"] for event in socket.received if response["id"] in str(event)]
        assert "response.output_audio.done" not in kinds
        assert kinds.count("response.output_text.done") == 1
        missing = {**wanted, "input": [{"type": "item_reference", "id": "none"}]}
        error = await refused(socket, "response.create", response=missing)
        assert error["param"] == "response.input.0.id"


async def test_telephone_audio_both_ways() -> None:
    async with connected() as (socket, _, connection):
        telephone = {"format": {"type": "audio/pcmu"}}
        audio = {"input": telephone, "output": telephone}
        socket.sends("session.update", session={"type": "realtime", "audio": audio})
        await socket.until(lambda: bool(socket.of("session.updated")))
        shown = socket.of("session.updated")[0]["session"]["audio"]
        assert shown["input"]["format"] == shown["output"]["format"] == {"type": "audio/pcmu"}
        wire = WireFormat("audio/pcmu", 8000)
        said = Resampler(16_000, 8_000).push(vowel(1000).astype(np.int16), last=True)
        data = base64.b64encode(wire.encode(said)).decode()
        socket.sends("input_audio_buffer.append", audio=data)
        await socket.until(lambda: bool(socket.of("input_audio_buffer.speech_started")))
        assert 900 <= connection._session.hearing.position_ms <= 1000
        socket.sends("input_audio_buffer.clear")
        await socket.until(lambda: bool(socket.of("input_audio_buffer.cleared")))
        assert len(socket.of("input_audio_buffer.speech_stopped")) == 1
        await replying(socket)
        delta = base64.b64decode(socket.of("response.output_audio.delta")[1]["delta"])
        assert abs(len(delta) - 160) <= 40, "20 ms at 8 kHz"


async def test_the_end_of_speech_is_told_at_a_commit() -> None:
    async with connected() as (socket, _, _):
        said = Resampler(16_000, 24_000).push(vowel(600).astype(np.int16), last=True)
        data = base64.b64encode(said.tobytes()).decode()
        socket.sends("input_audio_buffer.append", audio=data)
        socket.sends("input_audio_buffer.commit")
        await socket.until(lambda: bool(socket.of("conversation.item.added")))
        kinds = [event["type"] for event in socket.received]
        told = [kind for kind in kinds if kind.startswith("input_audio") or kind.endswith("added")]
        assert told == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.added",
        ]
        item_id = socket.of("conversation.item.added")[0]["item"]["id"]
        socket.sends("conversation.item.create", item=message("typed"), previous_item_id=item_id)
        await socket.until(lambda: len(socket.of("conversation.item.added")) == 2)
        assert socket.of("conversation.item.added")[1]["previous_item_id"] == item_id


@pytest.mark.parametrize("missing", ["voice", "recogniser"])
async def test_an_error_about_a_model_names_the_key_of_the_protocol(missing: str) -> None:
    async with connected() as (socket, _, _):
        audio = {
            "voice": {"output": {"voice": "nobody"}},
            "recogniser": {"input": {"transcription": {"model": "nobody"}}},
        }[missing]
        session = {"type": "realtime", "audio": audio}
        error = await refused(socket, "session.update", session=session)
        assert (
            error["param"]
            == {
                "voice": "session.audio.output.voice",
                "recogniser": "session.audio.input.transcription.model",
            }[missing]
        )


def test_the_keys_of_the_protocol_are_taken() -> None:
    """Those without an effect too; they are not shown as taken."""
    session_update(
        {
            "type": "realtime",
            "model": "gpt-realtime-2",
            "instructions": "Be brief.",
            "parallel_tool_calls": True,
            "reasoning": {"effort": "low"},
            "prompt": {"id": "pmpt_1"},
            "include": ["item.input_audio_transcription.logprobs"],
            "tracing": "auto",
            "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
            "max_output_tokens": 500,
            "audio": {
                "input": {
                    "noise_reduction": {"type": "near_field"},
                    "transcription": {
                        "model": "gpt-live-transcribe",
                        "delay": "low",
                        "keywords": ["vdx"],
                        "languages": ["en"],
                    },
                }
            },
        }
    )


async def test_a_connection_begins_with_the_session_of_its_secret() -> None:
    async with connected() as (socket, _, connection):
        first = session_update({"type": "realtime", "instructions": "From the secret."})
        other = Connection(connection._socket, connection._host, connection._settings, first)
        serving = asyncio.create_task(other.run())
        await socket.until(lambda: bool(socket.of("session.updated")))
        assert socket.of("session.updated")[0]["session"]["instructions"] == "From the secret."
        other._session.close()
        await serving
