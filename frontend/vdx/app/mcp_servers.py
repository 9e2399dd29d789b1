"""Connections to the MCP servers that profiles name (`tools.mcp`), shared by all sessions."""

import asyncio
import os
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vdx.core.config import McpServerConfig, ToolsConfig
from vdx.core.errors import ConfigError, ToolFailed
from vdx.core.json_input import parse_json
from vdx.core.json_schema import validator
from vdx.core.logs import logger
from vdx.core.mcp import McpTool, tool_name
from vdx.core.tools import CallStatus, ToolCall, ToolSpec
from vdx.dialog.tools.toolbox import Tool, ToolOutcome

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from mcp import Client, MCPError

log = logger(__name__)

CONNECT_S: Final = 30.0
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
HTTP_TIMEOUT_S: Final = 30.0
READ_TIMEOUT_S: Final = 300.0
"""Of a stream of the streamable HTTP transport; calls have `tools.timeout_ms`."""
MAX_PAGES: Final = 20


class McpServers:
    """One connection for each distinct server; `start` once, `close` at the end."""

    def __init__(self) -> None:
        self._servers: dict[str, McpServer] = {}
        self.start_s = 3.0
        """How long `start` waits for the servers; connecting goes on after it."""

    async def start(self, configs: Iterable[ToolsConfig]) -> None:
        """Begins to connect; returns when all are connected, or after `start_s`.

        Raises:
            ConfigError: a server is named and the library is not installed.
        """
        for config in configs:
            for name, server in config.mcp.items():
                key = server.model_dump_json()
                if key not in self._servers:
                    _require_library(name)
                    self._servers[key] = McpServer(name, server)
                    self._servers[key].start()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.start_s):
                for each in self._servers.values():
                    await each.connected.wait()

    def tools(self, config: ToolsConfig) -> list[Tool]:
        """The tools of the servers of a profile that are connected now."""
        tools: dict[str, Tool] = {}
        for name, server in config.mcp.items():
            connection = self._servers.get(server.model_dump_json())
            if connection is None:
                continue
            for tool in connection.tools:
                own = tool_name(tool.name)
                # Of two servers with a tool of one name, both can be called.
                own = own if own not in tools else tool_name(f"{name}_{tool.name}")
                perform = partial(connection.call, tool.name)
                spec = ToolSpec(own, tool.description, tool.schema)
                tools.setdefault(own, Tool(spec, perform, name))
        return list(tools.values())

    async def close(self) -> None:
        """Ends every connection, and the processes of commands."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))


class McpServer:
    """One server; its connection lives in a task of its own, which connects again when it ends."""

    def __init__(self, name: str, config: McpServerConfig, *, configured: bool = True) -> None:
        """`configured`: the operator named it, and is told in the log where it fails."""
        self._configured = configured
        self._name = name
        self._config = config
        self._client: Client | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        self.tried = asyncio.Event()
        """Set once it is connected, or could not be."""
        self.problem = ""
        """Why the last connection failed, or ended."""
        self.tools: list[McpTool] = []

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"mcp-{self._name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def call(self, name: str, call: ToolCall) -> ToolOutcome:
        """Calls a tool; cancelling it tells the server.

        Raises:
            ToolFailed: the server is not connected, or the connection broke.
            InvalidInput: the arguments are no JSON.
        """
        client = self._client
        if client is None:
            raise ToolFailed(f"the MCP server {self._name} is not connected")
        arguments = parse_json(call.arguments, "the arguments", param="arguments")
        from mcp import MCPError

        try:
            result = await client.call_tool(name, arguments)
        except MCPError as error:
            if self._is_gone(error):
                self._lost.set()
            raise self._failure(error) from error
        status: CallStatus = "failed" if result.is_error else "completed"
        return ToolOutcome(_words(result), status)

    def _failure(self, error: "MCPError") -> ToolFailed:
        """What a call failed with, in words for the responder."""
        return ToolFailed(str(error))

    async def _run(self) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self._serve()
                wait_s = FIRST_RETRY_S
            except Exception as error:  # a task's root: whatever a server does, others go on
                self.problem = _cause(error)
                if self._configured:
                    log.warning(
                        "MCP server failed", server=self._name, error=self.problem, exc_info=True
                    )
                else:  # a client may name what it likes, and is told
                    log.debug("MCP server failed", server=self._name, error=self.problem)
            finally:
                self._client = None
                self.connected.clear()
                self.tried.set()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)

    async def _serve(self) -> None:
        """One connection, until it is lost."""
        self._lost.clear()
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_S):
                client = await self._connect(stack)
                self.tools = await self._list(client)
            self._client = client
            log.info("MCP server connected", server=self._name, tools=len(self.tools))
            self.connected.set()
            self.tried.set()
            await self._lost.wait()

    async def _connect(self, stack: AsyncExitStack) -> "Client":
        from mcp import Client

        config = self._config
        if config.command:
            from mcp import StdioServerParameters

            program, *rest = config.command
            passed = {key: os.environ[key] for key in config.environment if key in os.environ}
            command = StdioServerParameters(command=program, args=rest, env=passed)
            return await stack.enter_async_context(Client(command))
        from mcp.client.streamable_http import streamable_http_client

        http = await stack.enter_async_context(self._http())
        transport = streamable_http_client(config.url, http_client=http)
        return await stack.enter_async_context(Client(transport))

    def _http(self) -> "AsyncClient":
        """What asks a server at a URL."""
        import httpx2

        config = self._config
        key = os.environ.get(config.api_key_env, "") if config.api_key_env else ""
        return httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(HTTP_TIMEOUT_S, read=READ_TIMEOUT_S),
        )

    async def _list(self, client: "Client") -> list[McpTool]:
        tools, cursor = list[McpTool](), None
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                if self._config.tools and tool.name not in self._config.tools:
                    continue
                validator(tool.input_schema)
                notes = tool.annotations.model_dump(by_alias=True) if tool.annotations else None
                made = McpTool(tool.name, tool.description or "", tool.input_schema, notes)
                tools.append(made)
            cursor = page.next_cursor
            if not cursor:
                break
        return tools

    def _is_gone(self, error: Any) -> bool:
        """Whether to connect anew: also where a server that was started again has no such session.

        Servers give that different codes, and all name the session.
        """
        from mcp.types import CONNECTION_CLOSED

        unknown = bool(self._config.url) and "session" in error.error.message.lower()
        return unknown or bool(error.error.code == CONNECTION_CLOSED)


def _words(result: Any) -> str:
    """A result as text: what is no text is named by its type."""
    parts = [getattr(part, "text", None) or f"[{part.type}]" for part in result.content]
    return "\n".join(parts)


def _cause(error: BaseException) -> str:
    """What is inside the groups that the library raises."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def _require_library(name: str) -> None:
    try:
        import mcp  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError(f"tools.mcp.{name}: MCP servers need pip install 'vdx[mcp]'") from None
