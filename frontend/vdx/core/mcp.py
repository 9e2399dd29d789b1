"""MCP servers, those that clients name among them, and what they offer: frozen values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

MAX_NAME: Final = 64
MOST_SERVERS: Final = 16
"""MCP servers that one session may name."""


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """Tools of a server: by their names, by whether they say that they only read; None: any."""

    names: tuple[str, ...] | None = None
    read_only: bool | None = None

    def has(self, tool: "McpTool") -> bool:
        """Whether a tool is among them."""
        named = self.names is None or tool.name in self.names
        return named and self.read_only in (None, tool.read_only)


ALL_TOOLS = ToolFilter()
NO_TOOLS_OF_IT = ToolFilter(names=())


@dataclass(frozen=True, slots=True)
class McpServerSpec:
    """A server of the streamable HTTP transport, as a client names it.

    `key` is sent as a bearer token, `headers` are pairs of name and value. Only the tools in
    `offered` are the responder's. A call is made without asking the client where the tool is in
    `unasked` and not in `asked`. `public_only`: its address may not be one of a private network.
    """

    label: str
    url: str
    key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    offered: ToolFilter = ALL_TOOLS
    asked: ToolFilter = NO_TOOLS_OF_IT
    unasked: ToolFilter = NO_TOOLS_OF_IT
    public_only: bool = True

    def must_ask(self, tool: "McpTool") -> bool:
        """Whether a call needs the client's approval."""
        return self.asked.has(tool) or not self.unasked.has(tool)


@dataclass(frozen=True, slots=True)
class McpTool:
    """A tool as its server lists it; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, Any]
    annotations: Mapping[str, Any] | None = None

    @property
    def read_only(self) -> bool:
        """Whether its server says that it changes nothing."""
        return bool((self.annotations or {}).get("readOnlyHint"))


@dataclass(frozen=True, slots=True)
class McpFault:
    """Why a call failed: an error of the protocol or of HTTP with its code, or the tool's own."""

    kind: Literal["protocol_error", "http_error", "tool_execution_error"]
    message: str
    code: int = 0


def tool_name(name: str) -> str:
    """A tool's name as chat endpoints want it: letters, digits, `_` and `-`, at most MAX_NAME."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:MAX_NAME]
