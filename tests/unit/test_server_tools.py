"""The tools that the server performs: vdx's own, and those of MCP servers."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from mcp import MCPError
from mcp.server.mcpserver import MCPServer

from tests.unit.test_app import hosted
from tests.wait_limit import WAIT_LIMIT_S
from vdx.app.builtin_tools import BUILTINS, BuiltinTools
from vdx.app.mcp_servers import McpServer, McpServers
from vdx.core.config import Config, McpServerConfig, ToolsConfig
from vdx.core.errors import ToolFailed, VdxError
from vdx.core.tools import ToolCall
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.reply_voice import voice_of
from vdx.dialog.tools.toolbox import Tool, ToolOutcome

NOON = datetime(2026, 7, 14, 12, 0, tzinfo=UTC)
MCP_SERVER = Path(__file__).parents[1] / "data" / "mcp_server.py"


class User:
    """A session as a tool sees it."""

    def __init__(self, options: SessionOptions) -> None:
        self.options = options
        self.ends = False

    def change(self, options: SessionOptions) -> None:
        self.options = options

    def end_after_reply(self) -> None:
        self.ends = True


async def builtins(**tools: Any) -> tuple[User, dict[str, Tool]]:
    """The tools of a session of the default profile, on models that are loaded."""
    profiles = {
        "vdx": {"voice": "espeak", "recogniser": "pocketsphinx-en"},
        "sales": {"voice": "tone", "recogniser": "canned", "greeting": "Sales here."},
    }
    config = {"builtin": list(BUILTINS), "hand_over_to": ["sales"]} | tools
    _, host = hosted(profiles=profiles, tools=config)
    await host.load_defaults()
    user = User(host.profiles.options(""))
    made = BuiltinTools(host.profiles, host.models, lambda: NOON).of(user)
    return user, {tool.spec.name: tool for tool in made}


async def done(tool: Tool, **arguments: str) -> ToolOutcome:
    assert tool.perform is not None
    return await tool.perform(ToolCall("1", tool.spec.name, json.dumps(arguments)))


# --- vdx's own ----------------------------------------------------------------------------------


async def test_only_what_is_switched_on_is_there() -> None:
    _, tools = await builtins(builtin=["current_time"])
    assert list(tools) == ["current_time"]


async def test_the_time_is_told_in_the_zone_that_is_asked_for() -> None:
    _, tools = await builtins()
    assert (await done(tools["current_time"])).output == "Tuesday, 2026-07-14 12:00 UTC"
    oslo = await done(tools["current_time"], timezone="Europe/Oslo")
    assert oslo.output == "Tuesday, 2026-07-14 14:00 Europe/Oslo"
    with pytest.raises(ToolFailed, match="there is no time zone 'Mars/Olympus'"):
        await done(tools["current_time"], timezone="Mars/Olympus")


async def test_a_call_ends_with_its_last_words() -> None:
    user, tools = await builtins()
    outcome = await done(tools["end_call"], farewell="Goodbye.")
    assert (outcome.say, outcome.ends_reply, user.ends) == ("Goodbye.", True, True)


async def test_another_profile_takes_over_and_keeps_what_the_client_has_set() -> None:
    user, tools = await builtins()
    user.options = user.options.updated(auto_reply=False)
    outcome = await done(tools["hand_over"], profile="sales")
    options = user.options
    assert (options.profile, options.voice, options.recogniser) == ("sales", "tone", "canned")
    assert not options.auto_reply
    assert (outcome.say, outcome.ends_reply) == ("Sales here.", True)
    assert tools["hand_over"].spec.parameters["properties"]["profile"]["enum"] == ["sales"]


async def test_the_patience_that_the_client_chose_stays_with_another_profile() -> None:
    user, tools = await builtins()
    patient = user.options.endpointing.model_copy(update={"finished_ms": 900})
    user.options = user.options.updated(endpointing=patient)
    await done(tools["hand_over"], profile="sales")
    assert user.options.profile == "sales"
    assert user.options.endpointing.finished_ms == 900


async def test_what_the_client_sets_while_models_are_loaded_stays() -> None:
    user, tools = await builtins()

    class Meanwhile:
        """Models that take their time, in which the client changes its session once."""

        async def require(self, options: SessionOptions) -> SessionOptions:
            if user.options.max_tokens is None:
                user.options = user.options.updated(max_tokens=7)
            return options

    perform = cast(Any, tools["hand_over"].perform)
    perform.func.__self__._models = Meanwhile()
    await done(tools["hand_over"], profile="sales")
    assert (user.options.profile, user.options.max_tokens) == ("sales", 7)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("hand_over", {"profile": "boss"}, "no agent 'boss'"),
        ("hand_over", {}, "arguments.profile"),
        ("change_voice", {"voice": "opera"}, "opera"),
        ("change_language", {"language": "tlh"}, "tlh"),
    ],
    ids=["no agent", "no argument", "no voice", "no language"],
)
async def test_what_cannot_be_done_is_said(
    name: str, arguments: dict[str, str], message: str
) -> None:
    user, tools = await builtins()
    before = user.options
    with pytest.raises(VdxError, match=message):
        await done(tools[name], **arguments)
    assert user.options is before


async def test_the_voice_changes() -> None:
    user, tools = await builtins()
    outcome = await done(tools["change_voice"], voice="tone/high")
    assert (user.options.voice, user.options.speaker) == ("tone", "high")
    assert outcome.output == "The voice is now tone/high."


async def test_a_voice_that_cannot_say_the_words_of_the_profile_is_not_taken() -> None:
    user, tools = await builtins()
    user.options = user.options.updated(pronunciation={"Nguyen": "/win/"})
    with pytest.raises(VdxError, match="Nguyen"):
        await done(tools["change_voice"], voice="tone/high")
    assert user.options.voice == "espeak"


async def test_a_voice_of_the_language_that_is_followed_speaks_it() -> None:
    user, tools = await builtins()
    user.options = user.options.updated(follows_language=True, voice_language="", recogniser="")
    await done(tools["change_voice"], voice="tone")
    assert (voice_of(user.options).model, voice_of(user.options).language) == ("tone", "en")


def test_a_hand_over_needs_profiles_that_are_there() -> None:
    with pytest.raises(ValueError, match="hand_over_to"):
        ToolsConfig(builtin=("hand_over",))
    with pytest.raises(ValueError, match="'nobody', which is no profile"):
        Config.model_validate({"tools": {"hand_over_to": ["nobody"]}})


# --- MCP servers --------------------------------------------------------------------------------


@asynccontextmanager
async def connected(**servers: McpServerConfig) -> AsyncIterator[dict[str, Tool]]:
    """The tools of servers, once each has named its own."""
    config = ToolsConfig(mcp=servers)
    connections = McpServers()
    connections.start_s = WAIT_LIMIT_S
    try:
        await connections.start([config, config])
        yield {tool.spec.name: tool for tool in connections.tools(config)}
    finally:
        await connections.close()


async def test_a_command_is_spoken_to_over_its_pipes() -> None:
    command = McpServerConfig(command=(sys.executable, str(MCP_SERVER)))
    async with connected(clock=command) as tools:
        assert sorted(tools) == ["add", "crash", "fail"]
        add = tools["add"]
        assert (add.spec.description, add.source) == ("Adds two numbers.", "clock")
        assert sorted(add.spec.parameters["properties"]) == ["a", "b"]
        assert add.perform is not None
        outcome = await add.perform(ToolCall("1", "add", '{"a": 2, "b": 3}'))
        assert (outcome.output, outcome.status) == ("5", "completed")
        assert (await done(tools["fail"])).status == "failed"
        with pytest.raises(ToolFailed):
            await done(tools["crash"])
        async with asyncio.timeout(WAIT_LIMIT_S):
            while True:  # its process ended: the next call is answered by another
                try:
                    outcome = await add.perform(ToolCall("1", "add", '{"a": 2, "b": 4}'))
                    break
                except ToolFailed:
                    await asyncio.sleep(0.05)
        assert outcome.output == "6"


async def test_a_server_of_the_streamable_http_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_TEST_KEY", "key-1")
    server, asked = MCPServer("test"), []

    @server.tool(name="where am I", description="Tells the place.")
    async def where() -> str:
        return "here"

    app = server.streamable_http_app()

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            asked.append(dict(scope["headers"]).get(b"authorization"))
        await app(scope, receive, send)

    web = uvicorn.Server(uvicorn.Config(counting, port=0, log_level="error"))
    serving = asyncio.create_task(web.serve())
    while not web.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = web.servers[0].sockets[0].getsockname()[1]
    url = McpServerConfig(url=f"http://127.0.0.1:{port}/mcp", api_key_env="MCP_TEST_KEY")
    try:
        async with connected(one=url) as tools:
            assert list(tools) == ["where_am_I"]
            assert (await done(tools["where_am_I"])).output == "here"
        assert set(asked) == {b"Bearer key-1"}
    finally:
        web.should_exit = True
        await serving


@pytest.mark.parametrize(
    ("code", "message", "again"),
    [
        (-32000, "Connection closed", True),
        (-32600, "Session terminated", True),
        (-32001, "Session not found", True),
        (-32602, "Invalid arguments", False),
    ],
    ids=["closed", "terminated", "not found", "arguments"],
)
async def test_a_server_that_does_not_know_its_session_is_connected_to_again(
    code: int, message: str, again: bool
) -> None:
    class Failing:
        async def call_tool(self, name: str, arguments: Any) -> Any:
            raise MCPError(code=code, message=message)

    server = McpServer("one", McpServerConfig(url="http://127.0.0.1:1/mcp"))
    server._client = cast(Any, Failing())
    with pytest.raises(ToolFailed, match=message):
        await server.call("where", ToolCall("1", "where", "{}"))
    assert server._lost.is_set() == again


async def test_a_server_that_is_not_there_keeps_nobody_waiting() -> None:
    config = ToolsConfig(mcp={"gone": McpServerConfig(command=("/does/not/exist",))})
    servers = McpServers()
    servers.start_s = 0.05
    await servers.start([config])
    assert servers.tools(config) == []
    await servers.close()


def test_a_server_is_a_command_or_a_url() -> None:
    with pytest.raises(ValueError, match="either a command or a url"):
        McpServerConfig()
