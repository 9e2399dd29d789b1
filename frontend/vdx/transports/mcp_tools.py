"""Tools of the type `mcp` as clients declare them: servers that vdx asks for its client."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from vdx.core.config.tools import ANY_PUBLIC
from vdx.core.errors import InvalidInput, McpServerRefused
from vdx.core.http_address import checked_address, is_below
from vdx.core.json_input import shown
from vdx.core.mcp import MOST_SERVERS, NO_TOOLS_OF_IT, McpServerSpec, ToolFilter

MAX_HEADERS: Final = 32
OF_THE_CONNECTION: Final = frozenset(
    (
        "accept",
        "connection",
        "content-length",
        "content-type",
        "host",
        "mcp-protocol-version",
        "mcp-session-id",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""Headers that the connection itself needs as they are."""

Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ServerToolName = Annotated[str, Field(min_length=1, max_length=200)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")]


def _visible(given: str) -> str:
    if not (given.isascii() and given.isprintable()):  # a line break would begin another header
        raise ValueError("a header has visible ASCII characters only")
    return given


HeaderValue = Annotated[str, Field(max_length=8_192), AfterValidator(_visible)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class McpToolFilter(Shape):
    """Tools by their names, and by whether they say that they only read."""

    read_only: bool | None = None
    tool_names: list[ServerToolName] | None = Field(None, max_length=1_000)

    @property
    def made(self) -> ToolFilter:
        names = None if self.tool_names is None else tuple(self.tool_names)
        return ToolFilter(names, self.read_only)


class McpApproval(Shape):
    """Which calls need the client's approval; those of tools that neither names do."""

    always: McpToolFilter | None = None
    never: McpToolFilter | None = None


class McpServerTool(Shape):
    """An MCP server; `allowed_callers`, `defer_loading` and `server_description` have no effect.

    `connector_id` and `tunnel_id` are OpenAI's, and refused.
    """

    type: Literal["mcp"]
    server_label: Label
    server_url: str | None = None
    server_description: str | None = None
    authorization: HeaderValue | None = Field(None, repr=False)
    headers: dict[HeaderName, HeaderValue] | None = Field(None, max_length=MAX_HEADERS, repr=False)
    allowed_tools: list[ServerToolName] | McpToolFilter | None = None
    require_approval: Literal["always", "never"] | McpApproval | None = None
    allowed_callers: Any = None
    connector_id: Any = None
    defer_loading: Any = None
    tunnel_id: Any = None

    @model_validator(mode="after")
    def _at_an_address(self) -> Self:
        for key in ("connector_id", "tunnel_id"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} is of OpenAI's own servers; name a server_url here")
        if not self.server_url:
            raise ValueError("an mcp tool needs its server_url")
        for name in self.headers or ():
            if name.lower() in OF_THE_CONNECTION:
                raise ValueError(f"headers.{name} belongs to the connection")
        return self


def servers_of(
    tools: Iterable[McpServerTool],
    allowed: tuple[str, ...],
    before: tuple[McpServerSpec, ...],
    param: str,
) -> tuple[McpServerSpec, ...]:
    """The servers, checked against `allowed` (`tools.client_mcp`).

    One that was named `before`, by the same label and address, keeps its key and its headers where
    it names none: they are not shown to clients, which may send back what they were shown.

    Raises:
        McpServerRefused: an address that this host does not connect to for clients.
        InvalidInput: a label appears twice, or an address is none.
    """
    tools = list(tools)
    if len(tools) > MOST_SERVERS:
        raise InvalidInput(
            f"{param}: a session may name {MOST_SERVERS} MCP servers, not {len(tools)}", param=param
        )
    specs: dict[str, McpServerSpec] = {}
    known = {(spec.label, spec.url): spec for spec in before}
    for tool in tools:
        label, url = tool.server_label, tool.server_url or ""
        if label in specs:
            raise InvalidInput(f"{param}: the server_label {label!r} appears twice", param=param)
        public_only = _check(url, allowed, f"{param}.{label}.server_url")
        old = known.get((label, url))
        kept = tool.authorization is None and tool.headers is None and old is not None
        key = tool.authorization or ""
        headers = tuple((tool.headers or {}).items())
        specs[label] = McpServerSpec(
            label,
            url,
            old.key if kept and old else key,
            old.headers if kept and old else headers,
            _filter(tool.allowed_tools),
            *_approvals(tool.require_approval),
            public_only=public_only,
        )
    return tuple(specs.values())


def shown_servers(specs: Iterable[McpServerSpec]) -> list[dict[str, Any]]:
    """The servers as the protocol shows them, without keys and headers."""
    return [
        {
            "type": "mcp",
            "server_label": spec.label,
            "server_url": spec.url,
            "allowed_tools": _shown(spec.offered),
            "require_approval": _shown_approval(spec),
        }
        for spec in specs
    ]


def _check(url: str, allowed: tuple[str, ...], param: str) -> bool:
    """Whether an address may only be a public one; raises where it is none, or not allowed."""
    try:
        parts = checked_address(url)
    except ValueError as error:
        raise InvalidInput(f"{param}: {error}, got {shown(url)}", param=param) from None
    if is_below(parts, (each for each in allowed if each != ANY_PUBLIC)):
        return False
    if ANY_PUBLIC not in allowed:
        raise McpServerRefused(
            f"{param}: this server does not connect to {shown(url)} for its clients; whoever runs "
            "it allows addresses in tools.client_mcp",
            param=param,
        )
    if parts.scheme != "https":
        raise McpServerRefused(
            f"{param}: only addresses that begin with https:// may be named, not {shown(url)}",
            param=param,
        )
    return True


def _filter(given: list[str] | McpToolFilter | None) -> ToolFilter:
    if isinstance(given, McpToolFilter):
        return given.made
    return ToolFilter(None if given is None else tuple(given))


def _approvals(
    given: Literal["always", "never"] | McpApproval | None,
) -> tuple[ToolFilter, ToolFilter]:
    """The tools that need an approval, and those that need none."""
    if given == "never":
        return NO_TOOLS_OF_IT, ToolFilter()
    if not isinstance(given, McpApproval):
        return NO_TOOLS_OF_IT, NO_TOOLS_OF_IT
    always = given.always.made if given.always else NO_TOOLS_OF_IT
    return always, given.never.made if given.never else NO_TOOLS_OF_IT


def _shown(tools: ToolFilter) -> list[str] | dict[str, Any] | None:
    if tools.read_only is None:
        return None if tools.names is None else list(tools.names)
    names = {} if tools.names is None else {"tool_names": list(tools.names)}
    return {"read_only": tools.read_only, **names}


def _shown_approval(spec: McpServerSpec) -> str | dict[str, Any]:
    if spec.unasked == ToolFilter() and spec.asked == NO_TOOLS_OF_IT:
        return "never"
    if spec.unasked == NO_TOOLS_OF_IT:
        return "always"
    pairs = (("always", spec.asked), ("never", spec.unasked))
    return {key: _shown_filter(tools) for key, tools in pairs if tools != NO_TOOLS_OF_IT}


def _shown_filter(tools: ToolFilter) -> dict[str, Any]:
    found = _shown(tools)
    return {"tool_names": found} if isinstance(found, list) else found or {}
