"""Tools that a responder may call, and calls of them: frozen values, no behaviour."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vdx.core.mcp import McpServerSpec

CallStatus = Literal["completed", "failed", "timed_out", "cancelled", "refused"]
"""How a call ended; one that is refused was never performed."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a responder is told of a tool; `parameters` is the JSON schema of its arguments.

    `strict`: arguments that do not match the schema are refused, so the tool never gets them.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolOffer:
    """The tools of one request; `named` is the one that has to be called, if any.

    `parallel` says whether several calls may come in one answer; None leaves it to the endpoint.
    `mcp` are servers that the client has named, whose tools are offered too; `named_server` is the
    label of the one whose tool has to be called: `named`, by the server's own name, or any.
    """

    tools: tuple[ToolSpec, ...] = ()
    choice: Literal["auto", "none", "required"] = "auto"
    named: str = ""
    parallel: bool | None = None
    mcp: tuple[McpServerSpec, ...] = ()
    named_server: str = ""


NO_TOOLS = ToolOffer()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call as a responder made it; `arguments` is JSON text, which may be malformed."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """A call and what the responder is told of its result.

    `answer` numbers the answers of one reply: calls of one were made at once.
    """

    call: ToolCall
    output: str
    answer: int = 0


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of a call that is being streamed; `index` numbers the calls of one answer.

    `call_id` and `name` come with the first piece of a call and are empty afterwards.
    """

    index: int
    arguments: str = ""
    call_id: str = ""
    name: str = ""
