"""What an item of an MCP server that a client named holds beside its call and its result."""

from dataclasses import dataclass
from typing import Literal

from vdx.core.mcp import McpFault, McpTool

McpKind = Literal["mcp_list_tools", "mcp_call", "mcp_approval_request", "mcp_approval_response"]

AWAITS = "No result yet: it waits for approval."
"""The result of a call whose approval nobody has given or refused."""


@dataclass(slots=True)
class McpRecord:
    """`label` is the client's name of the server, `name` the server's own of the tool.

    `request` names the approval request that a call was made after, or that a response answers;
    `reply` the item of the reply that made the call. `approved` is None until the client has said
    so, `reason` is why it did.
    """

    kind: McpKind
    label: str = ""
    name: str = ""
    tools: tuple[McpTool, ...] = ()
    request: str = ""
    reply: str = ""
    fault: McpFault | None = None
    approved: bool | None = None
    reason: str = ""

    @property
    def is_told(self) -> bool:
        """Whether a responder is told of the call: of an approved one its own item tells."""
        return self.kind == "mcp_call" or self.approved is not True

    @property
    def instead_of_result(self) -> str:
        """What a responder is told of a call that was not performed; empty: it was."""
        if self.kind == "mcp_call":
            return ""
        return (
            AWAITS if self.approved is None else " ".join(filter(None, (NOT_APPROVED, self.reason)))
        )


NOT_APPROVED = "It was not performed: the client did not approve it."
