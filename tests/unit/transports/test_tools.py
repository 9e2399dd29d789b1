"""Function tools on the wire: how they are declared, called and answered; in rooms too."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc

from tests.unit.transports.listening import R1, REPLY_BEGINS, REPLY_ENDS, client, narrate
from vdx.core.errors import InvalidInput, ToolFailed
from vdx.core.tools import ToolCall
from vdx.dialog.session_events import (
    CallArguments,
    CallBegun,
    CallComplete,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    ToolAnswered,
    ToolStarted,
)
from vdx.transports.function_tools import FunctionTool, offer_of
from vdx.transports.realtime.call_items import call_of, new_call
from vdx.transports.realtime.events import item_object
from vdx.transports.realtime.schema import session_update
from vdx.transports.realtime.settings import Settings
from vdx.transports.room.job_metadata import JobMetadata
from vdx.transports.room.tools import RoomTools

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
STRICT = SCHEMA | {"required": ["city"], "additionalProperties": False}
TOOL = {"type": "function", "name": "weather", "description": "Tells.", "parameters": SCHEMA}
CALL = ToolCall("c1", "weather", '{"city":"Oslo"}')


def updated(**keys: Any) -> Settings:
    return client().settings.merged(session_update({"type": "realtime", **keys}))


def test_a_session_shows_the_tools_that_it_took() -> None:
    settings = updated(
        instructions="Be brief.",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "weather"},
        parallel_tool_calls=False,
    )
    shown = settings.rendered("s")
    assert settings.options.instructions == "Be brief."
    assert shown["tools"] == [TOOL]
    assert shown["tool_choice"] == {"type": "function", "name": "weather"}
    assert shown["parallel_tool_calls"] is False
    without = settings.merged(session_update({"type": "realtime", "tools": []}))
    assert (without.rendered("s")["tools"], without.rendered("s")["tool_choice"]) == ([], "auto")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"tools": [TOOL, TOOL]}, "'weather' appears twice"),
        ({"tools": [TOOL | {"name": "no spaces"}]}, "session.tools.0.name"),
        ({"tools": [TOOL | {"parameters": {"type": "nonsense"}}]}, "no JSON schema"),
        ({"tools": [TOOL | {"parameters": {"type": "string"}}]}, "must be 'object'"),
        ({"tools": [TOOL | {"parameters": {"$ref": "http://a/b"}}]}, "no JSON schema"),
        ({"tools": [TOOL | {"strict": True}]}, "required lacks 'city'"),
        (
            {"tools": [TOOL | {"strict": True, "parameters": SCHEMA | {"required": ["city"]}}]},
            "additionalProperties",
        ),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}}, "no tool 'x'"),
        ({"tools": [TOOL] * 129}, "session.tools"),
    ],
    ids=["twice", "name", "schema", "object", "document", "strict", "more", "choice", "many"],
)
def test_tools_that_cannot_be_called_are_refused_by_name(
    keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        updated(**keys)


def test_a_strict_schema_may_hold_objects_that_are_strict_too() -> None:
    tool = FunctionTool(name="a", strict=True, parameters=STRICT | {"properties": {"city": STRICT}})
    assert offer_of([tool], None, None).tools[0].strict


def test_a_call_is_an_item_of_its_response_and_of_the_conversation() -> None:
    to = narrate(
        client(events=True),
        ReplyStarted(R1),
        CallBegun(R1, "item_c1", ToolCall("c1", "weather", "")),
        CallArguments(R1, "item_c1", "c1", '{"city":'),
        CallArguments(R1, "item_c1", "c1", '"Oslo"}'),
        CallComplete(R1, "item_c1", CALL, complete=True),
        ToolStarted(R1, CALL, "client"),
        ReplyDone(R1, "completed", "", 0, ""),
        ToolAnswered(R1, CALL, "sunny", "completed", 52.0),
    )
    assert to.kinds() == [
        *REPLY_BEGINS,
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "vdx.tool.started",
        *REPLY_ENDS,
        "vdx.tool.done",
    ]
    finished = to.only("response.function_call_arguments.done")
    assert (finished["output_index"], finished["arguments"]) == (1, CALL.arguments)
    message, called = to.only("response.done")["response"]["output"]
    assert message["type"] == "message"
    assert (called["type"], called["status"], called["call_id"]) == (
        "function_call",
        "completed",
        "c1",
    )
    told = to.only("vdx.tool.done")
    assert (told["name"], told["output"], told["duration_ms"]) == ("weather", "sunny", 52.0)


def test_a_call_that_was_cut_off_is_incomplete() -> None:
    to = narrate(
        client(),
        ReplyStarted(R1),
        CallBegun(R1, "item_c1", ToolCall("c1", "weather", "")),
        CallComplete(R1, "item_c1", ToolCall("c1", "weather", ""), complete=False),
        ReplyDone(R1, "cancelled", "interrupted", 0, ""),
    )
    assert "response.function_call_arguments.done" not in to.kinds()
    assert to.only("response.done")["response"]["output"][1]["status"] == "incomplete"


def test_an_end_that_the_agent_wanted_is_no_error() -> None:
    to = narrate(client(events=True), SessionEnded("call_ended"))
    assert to.kinds() == ["vdx.session.ended"]


@pytest.mark.parametrize(
    "item",
    [
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ],
    ids=["call", "output"],
)
def test_items_of_calls_come_back_as_they_were_sent(item: dict[str, Any]) -> None:
    new = new_call(item)
    assert new is not None
    assert item.items() <= item_object(call_of(new, "i1")).items()
    with pytest.raises(InvalidInput, match=r"item\.call_id"):
        new_call(item | {"call_id": ""})


# --- rooms --------------------------------------------------------------------------------------


def test_a_job_declares_tools() -> None:
    host = SimpleNamespace(
        profiles=SimpleNamespace(options=lambda _: client().settings.options),
    )
    options = JobMetadata(tools=[FunctionTool(**TOOL)]).options(cast(Any, host))
    assert [spec.name for spec in options.offer.tools] == ["weather"]


async def test_a_participant_performs_a_call_as_an_rpc() -> None:
    asked: list[dict[str, Any]] = []

    async def perform_rpc(**request: Any) -> str:
        asked.append(request)
        if request["method"] == "broken":
            raise rtc.RpcError(1500, "the map is closed")
        return "sunny"

    room = SimpleNamespace(local_participant=SimpleNamespace(perform_rpc=perform_rpc))
    tools = RoomTools(cast(Any, room), "ann", 5.0)
    outcome = await tools.perform(CALL)
    assert (outcome.output, outcome.status) == ("sunny", "completed")
    assert asked == [
        {
            "destination_identity": "ann",
            "method": "weather",
            "payload": CALL.arguments,
            "response_timeout": 5.0,
        }
    ]
    with pytest.raises(ToolFailed, match="the map is closed"):
        await tools.perform(ToolCall("c2", "broken", "{}"))
