"""A connection to an MCP server that a client has named; the library is loaded when one is."""

import json
from typing import TYPE_CHECKING, Final

from vdx.app.mcp_servers import HTTP_TIMEOUT_S, READ_TIMEOUT_S, McpServer
from vdx.core.config import McpServerConfig
from vdx.core.errors import McpFailed, ToolFailed
from vdx.core.json_input import utf8_size
from vdx.core.mcp import McpFault, McpServerSpec, McpTool

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from mcp import MCPError

    from vdx.app.mcp_http import BoundedTransport

MOST_TOOLS: Final = 128
MOST_BYTES: Final = 256 * 1024
"""Of the descriptions and schemas of all of them: they are part of every prompt."""
MISSING: Final = "MCP servers need pip install 'vdx[mcp]' where this server runs"


class ClientMcpServer(McpServer):
    """Connected and listed once; while the session lasts it is connected to again when lost."""

    def __init__(self, spec: McpServerSpec) -> None:
        super().__init__(spec.label, McpServerConfig(url=spec.url), configured=False)
        self._spec = spec
        self._transport: BoundedTransport | None = None

    async def list_tools(self) -> tuple[McpTool, ...]:
        """Raises McpFailed where it cannot be connected to, or has more than MOST_TOOLS tools."""
        try:
            import mcp  # noqa: F401
        except ModuleNotFoundError:
            raise McpFailed(MISSING, McpFault("protocol_error", MISSING)) from None
        self.start()
        await self.tried.wait()
        if not self.connected.is_set():
            await self.close()
            raise self._fault(self.problem)
        if len(self.tools) > MOST_TOOLS:
            await self.close()
            raise self._fault(f"it has {len(self.tools)} tools, more than {MOST_TOOLS}")
        if (size := sum(_size(tool) for tool in self.tools)) > MOST_BYTES:
            await self.close()
            raise self._fault(f"its tools have {size} bytes, more than {MOST_BYTES}")
        return tuple(self.tools)

    def _http(self) -> "AsyncClient":
        import httpx2

        from vdx.app.mcp_http import BoundedTransport

        self._transport = BoundedTransport(public_only=self._spec.public_only)
        headers = dict(self._spec.headers)
        if self._spec.key:
            key = self._spec.key.removeprefix("Bearer ")
            headers = {"Authorization": f"Bearer {key}", **headers}
        return httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(HTTP_TIMEOUT_S, read=READ_TIMEOUT_S),
            transport=self._transport,
            trust_env=False,
        )

    def _failure(self, error: "MCPError") -> ToolFailed:
        return self._fault(str(error), error.error.code)

    def _fault(self, message: str, code: int = 0) -> McpFailed:
        """Of HTTP, where that is what the server answered last."""
        status = self._transport.refused_with if self._transport else 0
        if status:
            words = f"HTTP status {status}: {message}"
            return McpFailed(words, McpFault("http_error", words, status))
        return McpFailed(message, McpFault("protocol_error", message, code))


def _size(tool: McpTool) -> int:
    return utf8_size(tool.description) + utf8_size(json.dumps(tool.schema))
