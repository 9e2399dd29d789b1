"""The tools of one reply: who performs each, and whether a call of it can be performed."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from vdx.core.errors import InvalidInput
from vdx.core.json_input import parse_json
from vdx.core.json_schema import mismatch
from vdx.core.mcp import McpFault
from vdx.core.tools import NO_TOOLS, CallStatus, ToolCall, ToolOffer, ToolSpec

SHOWN_NAMES = 40
"""Tools named in the answer to a call of an unknown one."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """A call's result: `output` is for the responder.

    `say` is spoken in the reply, and with `ends_reply` the responder is not asked again. `fault`
    says what an MCP server did not do.
    """

    output: str
    status: CallStatus = "completed"
    say: str = ""
    ends_reply: bool = False
    fault: McpFault | None = None


Perform = Callable[[ToolCall], Awaitable[ToolOutcome]]


@dataclass(frozen=True, slots=True)
class McpOrigin:
    """The MCP server that a client has named, and the server's own name of a tool.

    `must_ask`: a call of it needs the client's approval.
    """

    label: str
    name: str
    must_ask: bool


@dataclass(frozen=True, slots=True)
class Tool:
    """`perform` runs a call at the server; without it the client answers with an item.

    `source` says whose tool it is: `client`, `vdx` or the name of an MCP server. One of a server
    that the client has named has an `mcp`.
    """

    spec: ToolSpec
    perform: Perform | None = None
    source: str = "client"
    mcp: McpOrigin | None = None


@dataclass(frozen=True, slots=True)
class Toolbox:
    """The tools by their names, and how they are offered; a client's comes before a server's."""

    tools: dict[str, Tool] = field(default_factory=dict)
    offer: ToolOffer = NO_TOOLS

    @classmethod
    def of(cls, offer: ToolOffer, server: Iterable[Tool], client: Perform | None) -> "Toolbox":
        """Of a client's offer and the server's own; `client` performs the client's, if set."""
        tools = {tool.spec.name: tool for tool in server}
        tools |= {spec.name: Tool(spec, client) for spec in offer.tools}
        if offer.named_server:
            return cls._of_a_server(offer, tools)
        specs = tuple(tool.spec for tool in tools.values())
        return cls(tools, replace(offer, tools=specs))

    @classmethod
    def _of_a_server(cls, offer: ToolOffer, tools: dict[str, Tool]) -> "Toolbox":
        """Where a tool of one MCP server has to be called; any may be where it lists none such."""
        theirs = {
            name: tool
            for name, tool in tools.items()
            if tool.mcp is not None
            and tool.mcp.label == offer.named_server
            and offer.named in ("", tool.mcp.name)
        }
        specs = tuple(tool.spec for tool in (theirs or tools).values())
        choice: Literal["required", "auto"] = "required" if theirs else "auto"
        return cls(tools, replace(offer, tools=specs, choice=choice, named="", named_server=""))

    def streams(self, name: str) -> bool:
        """Whether a call's arguments go to the client as they come, and need no check first."""
        tool = self.tools.get(name)
        return tool is not None and tool.perform is None and not tool.spec.strict

    def refusal(self, call: ToolCall) -> str:
        """Why a call cannot be performed, in words for the responder; empty where it can."""
        tool = self.tools.get(call.name)
        if tool is None:
            known = ", ".join(sorted(self.tools)[:SHOWN_NAMES])
            return f"There is no tool {call.name!r}; there are: {known}."
        if tool.perform is None and not tool.spec.strict:
            return ""
        return _mismatch(tool.spec, call)


def _mismatch(spec: ToolSpec, call: ToolCall) -> str:
    try:
        arguments = parse_json(call.arguments, "the arguments", param="arguments")
    except InvalidInput as error:
        return f"{call.name} was not called: {error.message}."
    if not isinstance(arguments, dict):
        return f"{call.name} was not called: the arguments must be a JSON object."
    problem = mismatch(spec.parameters, arguments)
    return f"{call.name} was not called: {problem}." if problem else ""
