"""Connections to the MCP servers that profiles name (`tools.mcp`), shared by all sessions."""

import asyncio
import os
import re
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from vdx.core.config import McpServerConfig, ToolsConfig
from vdx.core.errors import ConfigError, ToolFailed
from vdx.core.json_input import parse_json
from vdx.core.json_schema import validator
from vdx.core.logs import logger
from vdx.core.tools import CallStatus, ToolCall, ToolSpec
from vdx.dialog.tools.toolbox import Tool, ToolOutcome

if TYPE_CHECKING:
    from mcp import Client

log = logger(__name__)

CONNECT_S: Final = 30.0
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
HTTP_TIMEOUT_S: Final = 30.0
READ_TIMEOUT_S: Final = 300.0
"""Of a stream of the streamable HTTP transport; calls have `tools.timeout_ms`."""
MAX_PAGES: Final = 20
MAX_NAME: Final = 64


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
            for spec, original in connection.specs:
                # Of two servers with a tool of one name, both can be called.
                own = spec.name if spec.name not in tools else _tool_name(f"{name}_{spec.name}")
                perform = partial(connection.call, original)
                tools.setdefault(own, Tool(replace(spec, name=own), perform, name))
        return list(tools.values())

    async def close(self) -> None:
        """Ends every connection, and the processes of commands."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))


class McpServer:
    """One server; its connection lives in a task of its own, which connects again when it ends."""

    def __init__(self, name: str, config: McpServerConfig) -> None:
        self._name = name
        self._config = config
        self._client: Client | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()
        self.specs: list[tuple[ToolSpec, str]] = []
        """Each tool, and the name that the server gave it."""

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
            raise ToolFailed(str(error)) from error
        status: CallStatus = "failed" if result.is_error else "completed"
        return ToolOutcome(_words(result), status)

    async def _run(self) -> None:
        wait_s = FIRST_RETRY_S
        while True:
            try:
                await self._serve()
                wait_s = FIRST_RETRY_S
            except Exception as error:  # a task's root: whatever a server does, others go on
                cause = _cause(error)
                log.warning("MCP server failed", server=self._name, error=cause, exc_info=True)
            finally:
                self._client = None
                self.connected.clear()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_RETRY_S)

    async def _serve(self) -> None:
        """One connection, until it is lost."""
        self._lost.clear()
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(CONNECT_S):
                client = await self._connect(stack)
                self.specs = await self._list(client)
            self._client = client
            log.info("MCP server connected", server=self._name, tools=len(self.specs))
            self.connected.set()
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
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        key = os.environ.get(config.api_key_env, "") if config.api_key_env else ""
        http = await stack.enter_async_context(
            httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=httpx2.Timeout(HTTP_TIMEOUT_S, read=READ_TIMEOUT_S),
            )
        )
        transport = streamable_http_client(config.url, http_client=http)
        return await stack.enter_async_context(Client(transport))

    async def _list(self, client: "Client") -> list[tuple[ToolSpec, str]]:
        specs, cursor = [], None
        for _ in range(MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools:
                if self._config.tools and tool.name not in self._config.tools:
                    continue
                validator(tool.input_schema)
                description = tool.description or ""
                spec = ToolSpec(_tool_name(tool.name), description, tool.input_schema)
                specs.append((spec, tool.name))
            cursor = page.next_cursor
            if not cursor:
                break
        return specs

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


def _tool_name(name: str) -> str:
    """As chat endpoints want names: letters, digits, `_` and `-`, at most MAX_NAME."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_NAME]


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
