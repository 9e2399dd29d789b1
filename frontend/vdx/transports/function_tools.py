"""Tools as clients declare them, in sessions, responses and rooms; checked here."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.json_input import utf8_size
from vdx.core.json_schema import validator
from vdx.core.tools import NO_TOOLS, ToolOffer, ToolSpec
from vdx.transports.mcp_tools import (
    Label,
    McpServerTool,
    ServerToolName,
    servers_of,
    shown_servers,
)

MAX_TOOLS = 128
MAX_TOOL_BYTES = 256 * 1024
"""Of all of them as JSON: they are part of every prompt."""
NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}

ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class FunctionTool(BaseModel):
    """One tool; `parameters` is the JSON schema of an object."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["function"] = "function"
    name: ToolName
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class NamedTool(BaseModel):
    """A choice of one function."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["function"]
    name: ToolName


class NamedServer(BaseModel):
    """A choice of a tool of one MCP server, by the server's own name of it; any without a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["mcp"]
    server_label: Label
    name: ServerToolName | None = None


ToolChoice = Literal["auto", "none", "required"] | NamedTool
Tools = Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)]


def _type_of(given: Any) -> str:
    """The type of a tool; a function where it has none."""
    found = given.get("type") if isinstance(given, dict) else getattr(given, "type", None)
    return "function" if found is None else str(found)


def _choice_type(given: Any) -> str:
    """What kind of choice it is; "mode" where it names nothing."""
    found = given.get("type") if isinstance(given, dict) else getattr(given, "type", None)
    return found if found in ("function", "mcp") else "mode"


AnyToolChoice = Annotated[
    Annotated[Literal["auto", "none", "required"], Tag("mode")]
    | Annotated[NamedTool, Tag("function")]
    | Annotated[NamedServer, Tag("mcp")],
    Discriminator(_choice_type),
]
AnyTool = Annotated[
    Annotated[FunctionTool, Tag("function")] | Annotated[McpServerTool, Tag("mcp")],
    Discriminator(_type_of),
]
AnyTools = Annotated[list[AnyTool], Field(max_length=MAX_TOOLS)]
"""Functions and MCP servers."""


def offer_of(
    tools: Sequence[FunctionTool | McpServerTool] | None,
    choice: AnyToolChoice | None,
    parallel: bool | None,
    before: ToolOffer = NO_TOOLS,
    param: str = "session",
    servers: tuple[str, ...] = (),
) -> ToolOffer:
    """`before` with what is not None; `param` is what errors call the place of the keys.

    `servers` are the addresses of MCP servers that may be named.

    Raises:
        InvalidInput: a name appears twice, parameters are no schema of an object, or the choice
            names none of the tools.
        McpServerRefused: an MCP server that may not be named.
    """
    specs, mcp = before.tools, before.mcp
    if tools is not None:
        functions = [tool for tool in tools if isinstance(tool, FunctionTool)]
        specs = _specs(functions, f"{param}.tools")
        named_servers = [tool for tool in tools if isinstance(tool, McpServerTool)]
        mcp = servers_of(named_servers, servers, before.mcp, f"{param}.tools")
    offer = ToolOffer(specs, parallel=before.parallel if parallel is None else parallel, mcp=mcp)
    return _chosen(offer, before, choice, f"{param}.tool_choice")


def _chosen(
    offer: ToolOffer, before: ToolOffer, choice: AnyToolChoice | None, param: str
) -> ToolOffer:
    """The offer with a choice, or with that of `before` where its tool is still there."""
    functions = {spec.name for spec in offer.tools}
    labels = {spec.label for spec in offer.mcp}
    match choice:
        case NamedTool(name=name):
            if name not in functions:
                raise InvalidInput(f"there is no tool {name!r}", param=param)
            return replace(offer, named=name)
        case NamedServer(server_label=label, name=tool):
            if label not in labels:
                raise InvalidInput(f"there is no MCP server {label!r}", param=param)
            return replace(offer, named=tool or "", named_server=label)
        case None:
            if before.named_server in labels:
                return replace(offer, named=before.named, named_server=before.named_server)
            named = "" if before.named_server or before.named not in functions else before.named
            return replace(offer, choice=before.choice, named=named)
        case _:
            return replace(offer, choice=choice)


def tools_of(offer: ToolOffer) -> list[dict[str, Any]]:
    """The tools as the protocol shows them."""
    return [
        {
            "type": "function",
            "name": spec.name,
            "description": spec.description,
            "parameters": dict(spec.parameters),
        }
        | ({"strict": True} if spec.strict else {})
        for spec in offer.tools
    ] + shown_servers(offer.mcp)


def choice_of(offer: ToolOffer) -> str | dict[str, str]:
    """The choice as the protocol shows it."""
    if offer.named_server:
        named = {"name": offer.named} if offer.named else {}
        return {"type": "mcp", "server_label": offer.named_server, **named}
    return {"type": "function", "name": offer.named} if offer.named else offer.choice


def _specs(tools: list[FunctionTool], param: str) -> tuple[ToolSpec, ...]:
    size = sum(utf8_size(tool.model_dump_json()) for tool in tools)
    if size > MAX_TOOL_BYTES:
        raise TooLarge(f"{param} has {size} bytes, more than {MAX_TOOL_BYTES}", param=param)
    specs: dict[str, ToolSpec] = {}
    for number, tool in enumerate(tools):
        where = f"{param}.{number}"
        if tool.name in specs:
            raise InvalidInput(f"{where}.name: {tool.name!r} appears twice", param=f"{where}.name")
        schema = tool.parameters or NO_ARGUMENTS
        _check_schema(schema, f"{where}.parameters", strict=bool(tool.strict))
        description = tool.description or ""
        specs[tool.name] = ToolSpec(tool.name, description, schema, bool(tool.strict))
    return tuple(specs.values())


def _check_schema(schema: dict[str, Any], param: str, *, strict: bool) -> None:
    try:
        validator(schema)
    except InvalidInput as error:
        raise InvalidInput(f"{param}: {error.message}", param=param) from None
    if schema.get("type", "object") != "object":
        raise InvalidInput(f"{param}: the type must be 'object'", param=param)
    if strict:
        _check_strict(schema, param)


def _check_strict(schema: dict[str, Any], param: str) -> None:
    """As endpoints want the schema of a strict tool: nothing optional, nothing beside it."""
    properties = schema.get("properties", {})
    missing = sorted(properties.keys() - set(schema.get("required", ())))
    if missing:
        raise InvalidInput(
            f"{param}: a strict tool requires every property; required lacks {missing[0]!r}",
            param=param,
        )
    if schema.get("additionalProperties") is not False:
        raise InvalidInput(f"{param}: a strict tool needs additionalProperties: false", param=param)
    for name, inner in properties.items():
        if isinstance(inner, dict) and inner.get("type") == "object":
            _check_strict(inner, f"{param}.properties.{name}")
