"""Tools over a real server: those of a client, of vdx itself and of MCP servers."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.mcp_over_http import MUCH, McpOverHttp, mcp_over_http
from tests.server.processes import running
from tests.server.stock_programs import CLIENTS, MISSING, node
from tests.server.talk import Event, Talk, clip, talking
from tests.server.tool_endpoint import WEATHER, tool_endpoint
from tests.wait_limit import WAIT_LIMIT_S
from vdx.serving.embedded import EmbeddedTriton

NOBODY = "http://127.0.0.1:9/mcp"
"""An address at which nobody listens."""
LONG_MS = round(WAIT_LIMIT_S * 1000)
MCP_SERVER = Path(__file__).parents[1] / "data" / "mcp_server.py"


@pytest.fixture(scope="module")
def mcp() -> Iterator[McpOverHttp]:
    """An MCP server that clients name."""
    with mcp_over_http() as made:
        yield made


@pytest.fixture(scope="module")
def mortal() -> Iterator[McpOverHttp]:
    """Another one, which a test ends."""
    with mcp_over_http() as made:
        yield made


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton,
    base_config: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    mcp: McpOverHttp,
    mortal: McpOverHttp,
) -> Iterator[str]:
    sums = {"sums": {"command": [sys.executable, str(MCP_SERVER)]}}
    tools: dict[str, dict[str, Any]] = {
        "vdx": {},
        "time": {"builtin": ["current_time"]},
        "end": {"builtin": ["end_call"]},
        "mcp": {"mcp": sums},
        "named": {"client_mcp": [mcp.url, mortal.url, NOBODY], "timeout_ms": LONG_MS},
    }
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("tools")
    with tool_endpoint() as chat:
        answering = {"responder": {"kind": "chat", "chat": chat}, "voice": "tone-fast"}
        profiles = {name: answering | {"tools": own} for name, own in tools.items()}
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


# --- MCP servers that a client names ------------------------------------------------------------


def naming(url: str, *tools: str, approval: Any = "never") -> Event:
    """A tool of the type `mcp`."""
    return {
        "type": "mcp",
        "server_label": "sums",
        "server_url": url,
        "authorization": "mcp-key",
        "allowed_tools": list(tools),
        "require_approval": approval,
    }


async def listed(talk: Talk, tool: Event) -> Event:
    """Names a server with the official library; the item of its tools."""
    session: Any = {"type": "realtime", "tools": [tool], "vdx": {"events": True}}
    mark = len(talk.events)
    await talk.connection.session.update(session=session)
    done = await talk.wait("mcp_list_tools.completed", after=mark)
    found = await talk.until(
        lambda: [
            event["item"]
            for event in talk.of("conversation.item.done", after=mark)
            if event["item"]["id"] == done["item_id"]
        ],
        "the item of the tools",
    )
    return dict(found[0])


async def approve(talk: Talk, request_id: str, *, approve: bool, **more: Any) -> None:
    answer: Any = {
        "type": "mcp_approval_response",
        "approval_request_id": request_id,
        "approve": approve,
        **more,
    }
    await talk.connection.conversation.item.create(item=answer)


async def test_a_server_that_the_client_names_is_listed_and_called(
    server: str, mcp: McpOverHttp
) -> None:
    async with talking(server, "named") as talk:
        item = await listed(talk, naming(mcp.url, "add"))
        assert item["server_label"] == "sums"
        [tool] = item["tools"]
        assert (tool["name"], tool["description"]) == ("add", "Adds two numbers.")
        kinds = talk.kinds()
        assert kinds.index("session.updated") < kinds.index("mcp_list_tools.in_progress")
        await send(talk, type="conversation.item.retrieve", item_id=item["id"])
        assert (await talk.wait("conversation.item.retrieved"))["item"] == item
        done = await talk.full_turn()
        assert spoken(done) == "The answer is 5."
        _, call = done["response"]["output"]
        assert (call["type"], call["server_label"], call["name"]) == ("mcp_call", "sums", "add")
        assert (json.loads(call["arguments"]), call["output"]) == ({"a": 2, "b": 3}, "5")
        order = [kind for kind in talk.kinds() if kind.startswith("response.mcp_call")]
        assert order == [
            "response.mcp_call_arguments.delta",
            "response.mcp_call_arguments.done",
            "response.mcp_call.in_progress",
            "response.mcp_call.completed",
        ]
        assert talk.of("vdx.tool.started")[0]["source"] == "sums"
        assert "Bearer mcp-key" in mcp.keys
        assert "mcp-key" not in json.dumps(talk.events)
        # Clients of OpenAI's server ask behind each call: what was told is told once.
        mark = len(talk.events)
        await send(talk, type="response.create")
        empty = (await talk.wait("response.done", after=mark))["response"]
        assert (empty["status"], empty["output"]) == ("completed", [])
        mark = len(talk.events)
        await send(talk, type="response.create")
        again = (await talk.wait("response.done", after=mark))["response"]
        assert (again["status"], again["output"] != []) == ("completed", True)
        assert talk.of("error") == []


async def test_a_call_that_the_client_has_to_approve(server: str, mcp: McpOverHttp) -> None:
    async with talking(server, "named") as talk:
        await listed(talk, naming(mcp.url, "add", approval="always"))
        for agreed, result in ((True, "The answer is 5."), (False, "The answer is It was not")):
            done = await talk.full_turn()
            request = done["response"]["output"][1]
            assert (request["type"], request["name"]) == ("mcp_approval_request", "add")
            mark = len(talk.events)
            await approve(talk, request["id"], approve=agreed, reason="As I said.")
            answer = await talk.wait("response.done", after=mark)
            assert spoken(answer).startswith(result)
            calls = [item for item in answer["response"]["output"] if item["type"] == "mcp_call"]
            expected = [request["id"]] if agreed else []
            assert [call["approval_request_id"] for call in calls] == expected
        mark = len(talk.events)
        await approve(talk, request["id"], approve=True)
        error = await talk.error(mark)
        assert (error["code"], error["param"]) == ("not_found", "item.approval_request_id")
        assert request["id"] in error["message"]


@pytest.mark.parametrize("approval", ["never", "always"])
def test_a_stock_client_has_a_tool_of_its_server_called(
    server: str, mcp: McpOverHttp, approval: str
) -> None:
    """`@openai/agents-realtime`, unmodified but for the address."""
    runtime = node()
    assert runtime.exists(), MISSING
    assert (CLIENTS / "node_modules").exists(), MISSING
    done = subprocess.run(
        [str(runtime), str(CLIENTS / "openai_agents_mcp.mjs"), server, mcp.url, approval],
        capture_output=True,
        text=True,
        timeout=2 * WAIT_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["errors"] == []
    assert (told["listed"], told["results"]) == (1, ["5"])
    assert told["asked"] == (approval == "always")
    assert told["said"].count("The answer is 5.") == 1
    assert told["said"][-1] == "The answer is 5."


async def test_a_response_may_name_a_server_of_its_own(server: str, mcp: McpOverHttp) -> None:
    async with talking(server, "named") as talk:
        response: Any = {"tools": [naming(mcp.url, "add")], "tool_choice": "required"}
        await talk.connection.response.create(response=response)
        assert spoken(await talk.wait("response.done")) == "The answer is 5."
        assert spoken(await talk.full_turn()) == "There is no tool."


async def test_servers_that_are_not_allowed_or_not_there(server: str, mcp: McpOverHttp) -> None:
    async with talking(server) as talk:
        mark = len(talk.events)
        session = {"type": "realtime", "instructions": "Be brief.", "tools": [naming(mcp.url)]}
        await send(talk, type="session.update", session=session)
        error = await talk.error(mark)
        assert (error["code"], error["type"]) == ("mcp_server_not_allowed", "invalid_request_error")
        assert mcp.url in error["message"]
        assert talk.of("session.updated") == []
    async with talking(server, "named") as talk:
        session["tools"] = [naming(NOBODY)]
        await send(talk, type="session.update", session=session)
        failed = await talk.wait("mcp_list_tools.failed")
        error = await talk.error(0)
        assert (error["code"], "'sums'" in error["message"]) == ("tool_failed", True)
        await send(talk, type="conversation.item.retrieve", item_id=failed["item_id"])
        found = await talk.wait("conversation.item.retrieved")
        assert found["item"]["tools"] == []
        assert spoken(await talk.full_turn()) == "There is no tool."


async def test_what_goes_wrong_in_a_call_ends_no_conversation(
    server: str, mcp: McpOverHttp
) -> None:
    async with talking(server, "named") as talk:
        await listed(talk, naming(mcp.url, "fail"))
        _, failed = (await talk.full_turn())["response"]["output"]
        assert failed["error"]["type"] == "tool_execution_error"
        assert "as asked" in failed["error"]["message"]
        assert failed["output"] is None
        await listed(talk, naming(mcp.url, "huge"))
        _, much = (await talk.full_turn())["response"]["output"]
        assert much["output"].endswith(f"(cut: {MUCH} characters)")
        await listed(talk, naming(mcp.url, "slow"))
        mcp.began.clear()
        await talk.turn()
        await asyncio.to_thread(mcp.began.wait, WAIT_LIMIT_S)
        mark = len(talk.events)
        await talk.say(clip("ps_goforward"), then_s=1)
        cut = (await talk.wait("response.done", after=mark))["response"]
        assert cut["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert "interrupted" in cut["output"][1]["error"]["message"]
        await talk.connection.response.cancel()
        await listed(talk, naming(mcp.url, "add"))
        mark = len(talk.events)
        assert spoken(await talk.typed_turn("And now?")) == "The answer is 5."


async def test_a_server_that_dies_is_told_of_and_the_conversation_goes_on(
    server: str, mortal: McpOverHttp, mcp: McpOverHttp
) -> None:
    async with talking(server, "named") as talk:
        await listed(talk, naming(mortal.url, "add"))
        await asyncio.to_thread(mortal.stop)
        done = await talk.full_turn()
        _, failed = done["response"]["output"]
        assert failed["error"]["message"]
        assert spoken(done).startswith("The answer is add failed")
        await listed(talk, naming(mcp.url, "add"))
        assert spoken(await talk.full_turn()) == "The answer is 5."
