"""Calls of tools of MCP servers that the client has named: items, and approvals of the client."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from vdx.core.errors import UnknownName
from vdx.core.json_input import shown
from vdx.core.mcp import McpFault
from vdx.core.tools import ToolCall
from vdx.dialog.history import History, Item
from vdx.dialog.ids import ReplyIds
from vdx.dialog.mcp_record import McpRecord
from vdx.dialog.session_events import McpAsked, McpCallBegun, McpCallDone, SessionEvent
from vdx.dialog.tools.toolbox import McpOrigin, Tool, ToolOutcome

MAX_ASKED: Final = 256
"""Approvals that a session waits for; the oldest can be given no more beyond."""


@dataclass(frozen=True, slots=True)
class ApprovedCall:
    """A call that the client was asked about; `request` is the item it was asked with."""

    reply: ReplyIds
    call: ToolCall
    tool: Tool
    request: str


class McpCalls:
    """Of one session. What was approved is performed by the next reply of the conversation."""

    def __init__(self, history: History, emit: Callable[[SessionEvent], None]) -> None:
        self._history = history
        self._emit = emit
        self._asked: dict[str, ApprovedCall] = {}
        self._approved: list[ApprovedCall] = []
        self._performed: ReplyIds | None = None

    # --- calls ------------------------------------------------------------------------------

    def begin(self, reply: ReplyIds, call: ToolCall, origin: McpOrigin, request: str) -> Item:
        """A call is about to be performed: its item."""
        item = Item(reply.session.mcp_item("mcp", call.call_id), "assistant", call=call)
        item.status = "in_progress"
        item.mcp = McpRecord("mcp_call", origin.label, origin.name, reply=reply.item_id)
        item.mcp.request = request
        self._history.put(item)
        self._emit(McpCallBegun(reply, item))
        return item

    def finish(self, reply: ReplyIds, item: Item, outcome: ToolOutcome) -> None:
        """It was performed, or was not; the item says what came of it."""
        item.text, item.status = outcome.output, "completed"
        self._performed = reply
        if item.mcp is not None and outcome.status != "completed":
            own = McpFault("tool_execution_error", outcome.output)
            item.mcp.fault = outcome.fault or own
        self._emit(McpCallDone(reply, item))

    def take_told(self) -> bool:
        """Whether nothing was said since a reply that told what came of its calls; once for each.

        OpenAI's server ends the response with the call, so that its clients ask for the next one.
        """
        performed, self._performed = self._performed, None
        if performed is None:
            return False
        said = [item for item in self._history if item.call is None and item.mcp is None]
        last = said[-1] if said else None
        whole = last is not None and last.status == "completed" and bool(last.text)
        return whole and last is not None and last.id == performed.item_id

    # --- approvals --------------------------------------------------------------------------

    def ask(self, reply: ReplyIds, call: ToolCall, tool: Tool) -> None:
        """Asks the client whether a call may be performed; the reply ends meanwhile."""
        if tool.mcp is None:
            return
        item = Item(reply.session.mcp_item("mcpr", call.call_id), "assistant", call=call)
        item.mcp = McpRecord("mcp_approval_request", tool.mcp.label, tool.mcp.name)
        item.mcp.reply = reply.item_id
        while len(self._asked) >= MAX_ASKED:
            del self._asked[next(iter(self._asked))]
        self._asked[item.id] = ApprovedCall(reply, call, tool, item.id)
        self._history.put(item)
        self._emit(McpAsked(reply, item))

    def decide(self, answer: Item, after: str | None = None) -> tuple[str | None, bool]:
        """Takes the client's answer, an item; its predecessor, and whether to go on with a reply.

        It is gone on where nothing else that the same reply has asked waits for an answer.

        Raises:
            UnknownName: nothing waits for this answer, or the request was deleted.
        """
        record = answer.mcp or McpRecord("mcp_approval_response")
        asked, request = self._asked.get(record.request), self._history.find(record.request)
        if asked is None or request is None:
            raise UnknownName(
                f"no approval request {shown(record.request)} waits for an answer",
                param="item.approval_request_id",
            )
        previous = self._history.add(answer, after)
        del self._asked[record.request]
        if request.mcp is not None:
            request.mcp.approved, request.mcp.reason = record.approved, record.reason
        if record.approved:
            self._approved.append(asked)
        return previous, all(each.reply != asked.reply for each in self._asked.values())

    def awaited(self, reply: int) -> bool:
        """Whether the client has not answered what the reply of this number asked."""
        return any(each.reply.number == reply for each in self._asked.values())

    @property
    def has_approved(self) -> bool:
        """Whether something is approved and not performed yet."""
        return bool(self._approved)

    def take_approved(self) -> list[ApprovedCall]:
        """What the client has approved, once: the caller performs it."""
        taken, self._approved = self._approved, []
        return taken
