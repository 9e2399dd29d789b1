"""Function tools as clients declare them, in sessions, responses and rooms; checked here."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.json_input import utf8_size
from vdx.core.json_schema import validator
from vdx.core.tools import NO_TOOLS, ToolOffer, ToolSpec

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


ToolChoice = Literal["auto", "none", "required"] | NamedTool
Tools = Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)]


def offer_of(
    tools: list[FunctionTool] | None,
    choice: ToolChoice | None,
    parallel: bool | None,
    before: ToolOffer = NO_TOOLS,
    param: str = "session",
) -> ToolOffer:
    """`before` with what is not None; `param` is what errors call the place of the keys.

    Raises:
        InvalidInput: a name appears twice, parameters are no schema of an object, or the choice
            names none of the tools.
    """
    specs = before.tools if tools is None else _specs(tools, f"{param}.tools")
    mode, named = before.choice, before.named
    if isinstance(choice, NamedTool):
        mode, named = "auto", choice.name
    elif choice is not None:
        mode, named = choice, ""
    if named and named not in {spec.name for spec in specs}:
        if isinstance(choice, NamedTool):
            raise InvalidInput(f"there is no tool {named!r}", param=f"{param}.tool_choice")
        named = ""  # the tool that was chosen before is gone
    return ToolOffer(specs, mode, named, before.parallel if parallel is None else parallel)


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
    ]


def choice_of(offer: ToolOffer) -> str | dict[str, str]:
    """The choice as the protocol shows it."""
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
