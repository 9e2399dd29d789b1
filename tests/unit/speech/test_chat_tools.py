"""Tool calls of a chat endpoint: what is asked for, what is streamed back, and odd servers."""

import json
from contextlib import aclosing
from typing import Any

import pytest

from tests.unit.speech.test_chat import Endpoint, responder, sse, streams
from vdx.core.events import Message
from vdx.core.tools import CallPiece, ToolCall, ToolOffer, ToolSpec
from vdx.dialog.tools.assembly import CallAssembly
from vdx.speech.text.responder import Piece, ToolResponder
from vdx.speech.text.responder.chat import ChatResponder
from vdx.speech.text.responder.chat_messages import message_param
from vdx.speech.text.responder.prompt import cut_prompt

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
SPEC = ToolSpec("weather", "The weather.", SCHEMA, strict=True)
TALK = [
    Message("user", "Weather?"),
    Message("assistant", "Well.", (ToolCall("c1", "weather", "{}"),)),
    Message("tool", "sunny", (), "c1"),
    Message("user", "And Oslo?"),
]


def calling(*calls: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"tool_calls": list(calls), **more}}
    return sse(json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}))


def call(index: int | None, arguments: str = "", **more: Any) -> dict[str, Any]:
    name = {"name": more.pop("name")} if "name" in more else {}
    return {"index": index, "function": {"arguments": arguments, **name}, **more}


async def pieces(chat: ChatResponder, offer: ToolOffer) -> list[Piece]:
    async with aclosing(chat.reply_with_tools(TALK, offer)) as answer:
        return [piece async for piece in answer]


async def test_calls_are_streamed_and_history_is_sent_as_endpoints_want_it() -> None:
    behaviour = streams(
        calling(call(0, id="c2", name="weather"), content="Let me see. "),
        calling(call(0, '{"city": ')),
        calling(call(0, '"Oslo"}')),
    )
    async with Endpoint(behaviour) as endpoint:
        chat = responder(endpoint.url)
        assert isinstance(chat, ToolResponder)
        found = await pieces(chat, ToolOffer((SPEC,), "required", parallel=False))
        await chat.aclose()
    assert found == [
        "Let me see. ",
        CallPiece(0, "", "c2", "weather"),
        CallPiece(0, '{"city": '),
        CallPiece(0, '"Oslo"}'),
    ]
    body = endpoint.requests[0][1]
    function = {"name": "weather", "description": "The weather.", "parameters": SCHEMA}
    assert body["tools"] == [{"type": "function", "function": function | {"strict": True}}]
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("required", False)
    assert body["messages"][1:3] == [
        {
            "role": "assistant",
            "content": "Well.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": "{}"},
                }
            ],
        },
        {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
    ]


async def test_one_tool_may_be_named_and_none_are_no_keys_at_all() -> None:
    async with Endpoint(streams(calling(call(0, "{}", id="1", name="weather")))) as endpoint:
        chat = responder(endpoint.url)
        await pieces(chat, ToolOffer((SPEC,), named="weather"))
        await pieces(chat, ToolOffer())
        await chat.aclose()
    named, none = (body for _, body in endpoint.requests)
    assert named["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(none)


@pytest.mark.parametrize(
    ("streamed", "names"),
    [
        ([CallPiece(0, "{}", "a", "one"), CallPiece(0, "{}", "b", "two")], ["one", "two"]),
        ([CallPiece(0, "", "", "one"), CallPiece(0, "{}")], ["one"]),
        ([CallPiece(0, "{", "a", "one"), CallPiece(0, "}", "a")], ["one"]),
        ([CallPiece(1, "{}", "a", ""), CallPiece(0, "{}", "b", "two")], ["two"]),
    ],
    ids=["one index", "no id", "id again", "no name"],
)
def test_servers_that_stream_calls_in_their_own_way(
    streamed: list[CallPiece], names: list[str]
) -> None:
    assembly = CallAssembly(lambda given: given or "made")
    for piece in streamed:
        assembly.take(piece)
    assert [each.name for each in assembly.calls] == names
    assert all(each.call_id and each.complete.arguments == "{}" for each in assembly.calls)


def test_a_prompt_that_is_cut_does_not_begin_with_a_result() -> None:
    long = [Message("user", "x" * 400), *TALK]
    assert [each.role for each in cut_prompt(long, 20)] == ["user"]


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('{"a"', '{"unreadable": "{\\"a\\""}'),
        ("[1]", '{"unreadable": "[1]"}'),
    ],
    ids=["object", "cut", "list"],
)
def test_arguments_go_back_as_an_object_or_endpoints_refuse_the_conversation(
    written: str, sent: str
) -> None:
    param: Any = message_param(Message("assistant", "", (ToolCall("c", "add", written),)))
    assert param["tool_calls"][0]["function"]["arguments"] == sent
