"""Settings of the tools that a responder may call: `tools`."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from vdx.core.config.section import Section
from vdx.core.http_address import checked_address

BuiltinTool = Literal["end_call", "hand_over", "change_voice", "change_language", "current_time"]

ANY_PUBLIC: Final = "*"


def _address(given: str) -> str:
    if given != ANY_PUBLIC:
        checked_address(given)
    return given


McpAddress = Annotated[str, AfterValidator(_address)]


class McpServerConfig(Section):
    """An MCP server whose tools the responder may call: a command, or a URL."""

    command: tuple[str, ...] = Field((), description="program and arguments, spoken to over stdio")
    url: str = Field("", description="http(s)://… of a server of the streamable HTTP transport")
    environment: tuple[str, ...] = Field(
        (), description="names of variables that the command gets beside the usual ones"
    )
    api_key_env: str = Field(
        "",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the variable with the key for the URL",
    )
    tools: tuple[str, ...] = Field((), description="names of the tools to offer; none: all")

    @model_validator(mode="after")
    def _command_or_url(self) -> Self:
        if bool(self.command) == bool(self.url):
            raise ValueError("an MCP server has either a command or a url")
        return self


class ToolsConfig(Section):
    """Tools that the server performs; a client declares its own over its connection."""

    builtin: tuple[BuiltinTool, ...] = Field((), description="those of vdx that are switched on")
    hand_over_to: tuple[str, ...] = Field((), description="profiles that hand_over may name")
    mcp: dict[str, McpServerConfig] = Field(
        default_factory=dict, description="a name of your own -> an MCP server"
    )
    client_mcp: tuple[McpAddress, ...] = Field(
        (),
        description="addresses of MCP servers that clients may name, below which all are; "
        "*: any public one over https; none: clients name none",
    )
    filler: str = Field("", description="said once while calls run for filler_after_ms; empty: no")
    filler_after_ms: int = Field(1_500, ge=0)
    timeout_ms: int = Field(10_000, ge=10, description="a call that takes longer is given up")
    max_rounds: int = Field(5, ge=1, le=50, description="answers with calls in one reply")
    max_result_chars: int = Field(16_000, ge=100, description="of a result; the rest is cut off")

    @model_validator(mode="after")
    def _hands_over_to_somebody(self) -> Self:
        if "hand_over" in self.builtin and not self.hand_over_to:
            raise ValueError("hand_over needs the profiles that it may name: hand_over_to")
        return self
