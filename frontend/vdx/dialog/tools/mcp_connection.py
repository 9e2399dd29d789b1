"""A connection to an MCP server that a client named, as a session sees it."""

from collections.abc import Callable
from typing import Protocol

from vdx.core.mcp import McpServerSpec, McpTool
from vdx.core.tools import ToolCall
from vdx.dialog.tools.toolbox import ToolOutcome


class McpConnection(Protocol):
    """Made without connecting."""

    async def list_tools(self) -> tuple[McpTool, ...]:
        """Connects and asks for the tools; raises McpFailed where the server cannot be asked."""
        ...

    async def call(self, name: str, call: ToolCall) -> ToolOutcome:
        """Calls the tool `name`; cancelling it tells the server.

        Raises:
            ToolFailed: the server is gone, or refuses.
            InvalidInput: the arguments are no JSON.
        """
        ...

    async def close(self) -> None:
        """Ends it; calls under way fail."""
        ...


ConnectMcp = Callable[[McpServerSpec], McpConnection]
