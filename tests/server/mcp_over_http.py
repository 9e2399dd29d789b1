"""A real MCP server of the streamable HTTP transport, on loopback, for the tests of tools."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from tests.server.processes import eventually
from tests.wait_limit import WAIT_LIMIT_S

MUCH = 300_000
"""Characters of the answer of the tool `huge`."""


class McpOverHttp:
    """Its tools; `began` is set when a slow call begins, `keys` are those it was asked with."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.keys: set[str] = set()
        self.url = ""
        server = MCPServer("test")
        server.tool(name="add", description="Adds two numbers.")(_add)
        server.tool(name="fail", description="Fails.")(_fail)
        server.tool(name="huge", description="Says much.")(_huge)
        server.tool(name="slow", description="Takes its time.")(self._slow)
        self._app = server.streamable_http_app()
        config = uvicorn.Config(
            self._serve,
            port=0,
            log_level="error",
            timeout_graceful_shutdown=1,
            interface="asgi3",
        )
        self._web = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._web.run, daemon=True)

    def start(self) -> None:
        """Returns when it can be asked."""
        self._thread.start()
        eventually(lambda: self._web.started, "the MCP server listens")
        port = self._web.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/mcp"

    def stop(self) -> None:
        """Returns when it is gone."""
        self._web.should_exit = True
        self._thread.join(WAIT_LIMIT_S)

    async def _slow(self) -> str:
        self.began.set()
        await asyncio.sleep(2 * WAIT_LIMIT_S)
        return "late"

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.keys.add(dict(scope["headers"]).get(b"authorization", b"").decode())
        await self._app(scope, receive, send)


async def _add(a: int, b: int) -> str:
    return str(a + b)


async def _fail() -> str:
    raise ToolError("as asked")


async def _huge() -> str:
    return "x" * MUCH


@contextlib.contextmanager
def mcp_over_http() -> Iterator[McpOverHttp]:
    """Runs one in a thread."""
    made = McpOverHttp()
    made.start()
    try:
        yield made
    finally:
        made.stop()
