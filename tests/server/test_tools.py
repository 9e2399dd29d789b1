"""Tools over a real server: those of a client, of vdx itself and of an MCP server."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.chat_endpoint import ChatEndpoint, answering
from tests.server.processes import running
from tests.server.talk import Event, Talk, talking
from vdx.serving.embedded import EmbeddedTriton

MCP_SERVER = Path(__file__).parents[1] / "data" / "mcp_server.py"
ARGUMENTS = {
    "weather": {"city": "Oslo"},
    "add": {"a": 2, "b": 3},
    "end_call": {"farewell": "Goodbye."},
    "current_time": {"timezone": "UTC"},
}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class _Endpoint(ChatEndpoint):
    """Calls the first tool that it is offered, and then says what the result is."""

    def answer(self, asked: dict[str, Any]) -> None:
        last = asked["messages"][-1]
        self.begin()
        if last["role"] == "tool":
            self.tell({"content": f"The answer is {last['content']}."})
        elif tools := asked.get("tools"):
            self._call(tools[0]["function"]["name"])
        else:
            self.tell({"content": "There is no tool."})
        self.done()

    def _call(self, name: str) -> None:
        text = json.dumps(ARGUMENTS[name])
        head = {"index": 0, "id": "call_1", "type": "function"}
        self.tell({"tool_calls": [head | {"function": {"name": name, "arguments": ""}}]})
        for piece in (text[:5], text[5:]):
            self.tell({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    mcp = {"sums": {"command": [sys.executable, str(MCP_SERVER)]}}
    tools: dict[str, dict[str, Any]] = {
        "vdx": {},
        "time": {"builtin": ["current_time"]},
        "end": {"builtin": ["end_call"]},
        "mcp": {"mcp": mcp},
    }
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("tools")
    with answering(_Endpoint) as endpoint:
        responder = {"kind": "chat", "chat": {"base_url": f"{endpoint}/v1"}}
        own = {"responder": responder, "voice": "tone-fast"}
        profiles = {name: own | {"tools": chosen} for name, chosen in tools.items()}
        with running(*arguments, home=home, config=base_config | {"profiles": profiles}) as vdx:
            yield vdx.url()
            assert "Traceback" not in vdx.output, vdx.output


def spoken(done: Event) -> str:
    return str(done["response"]["output"][0]["content"][0]["transcript"])


async def send(talk: Talk, **event: Any) -> None:
    await talk.connection.send_raw(json.dumps(event))


async def test_a_client_performs_a_call_and_the_answer_is_spoken(server: str) -> None:
    async with talking(server, session={"tools": [WEATHER], "instructions": "Be brief."}) as talk:
        done = await talk.full_turn()
        [call] = [item for item in done["response"]["output"] if item["type"] == "function_call"]
        assert (call["name"], json.loads(call["arguments"])) == ("weather", {"city": "Oslo"})
        mark = len(talk.events)
        wrong = {"type": "function_call_output", "call_id": "nobody's", "output": "x"}
        await send(talk, type="conversation.item.create", item=wrong)
        assert (await talk.error(mark))["param"] == "item.call_id"
        output = wrong | {"call_id": call["call_id"], "output": "sunny"}
        await send(talk, type="conversation.item.create", item=output)
        await send(talk, type="response.create")
        answer = await talk.wait("response.done", after=mark)
        assert spoken(answer) == "The answer is sunny."
        added = await talk.wait("conversation.item.added", after=mark)
        assert added["item"]["type"] == "function_call_output"


async def test_a_response_may_have_tools_of_its_own(server: str) -> None:
    async with talking(server) as talk:
        await send(talk, type="response.create", response={"tools": [WEATHER]})
        done = await talk.wait("response.done")
        assert [item["type"] for item in done["response"]["output"]] == ["message", "function_call"]
        assert spoken(await talk.full_turn()) == "There is no tool."


@pytest.mark.parametrize(
    ("profile", "name", "source", "answer"),
    [("mcp", "add", "sums", "The answer is 5."), ("time", "current_time", "vdx", "UTC.")],
)
async def test_the_server_performs_a_call_in_the_same_response(
    server: str, profile: str, name: str, source: str, answer: str
) -> None:
    async with talking(server, profile, session={"vdx": {"events": True}}) as talk:
        done = await talk.full_turn()
        assert spoken(done).endswith(answer)
        assert len(done["response"]["output"]) == 1
        started = talk.of("vdx.tool.started")[0]
        assert (started["name"], started["source"]) == (name, source)
        told = talk.of("vdx.tool.done")[0]
        assert (told["status"], told["response_id"]) == ("completed", done["response"]["id"])


async def test_the_agent_ends_the_call_after_its_last_words(server: str) -> None:
    async with talking(server, "end") as talk:
        assert spoken(await talk.full_turn()) == "Goodbye."
        await talk.closing()
        assert talk.of("error") == []
