"""The events of MCP servers that a client has named: their tools, and calls of them."""

from collections.abc import Callable
from typing import Any

from vdx.dialog.history import Item
from vdx.dialog.session_events import (
    McpAsked,
    McpCallBegun,
    McpCallDone,
    McpListing,
    SessionEvent,
)
from vdx.transports.realtime.call_events import CallEvents
from vdx.transports.realtime.events import encode, item_object


class McpEvents:
    """`calls` keeps the items of responses; `post` and `before` are those of CallEvents."""

    def __init__(
        self,
        calls: CallEvents,
        post: Callable[[str], None],
        before: Callable[[str], str | None],
    ) -> None:
        self._calls = calls
        self._send = post
        self._before = before

    def notify(self, event: SessionEvent) -> None:
        """Sends what the protocol has for an event of an MCP server."""
        match event:
            case McpListing():
                self._listing(event)
            case McpCallBegun(reply=reply, item=item):
                call, shown = item.call, item_object(item)
                where = self._calls.put(reply, shown)
                self._post("response.output_item.added", **where, item=shown)
                self._added(item, shown)
                given = call.arguments if call else ""
                at = where | {"item_id": item.id}
                self._post("response.mcp_call_arguments.delta", **at, delta=given)
                self._post("response.mcp_call_arguments.done", **at, arguments=given)
                index = where["output_index"]
                self._post("response.mcp_call.in_progress", item_id=item.id, output_index=index)
            case McpCallDone(reply=reply, item=item):
                shown = item_object(item)
                where = self._calls.put(reply, shown)
                failed = item.mcp is not None and item.mcp.fault is not None
                at = {"item_id": item.id, "output_index": where["output_index"]}
                kind = "response.mcp_call.failed" if failed else "response.mcp_call.completed"
                self._post(kind, **at)
                self._done(item, shown)
                self._post("response.output_item.done", **where, item=shown)
            case McpAsked(reply=reply, item=item):
                shown = item_object(item)
                where = self._calls.put(reply, shown)
                self._post("response.output_item.added", **where, item=shown)
                self._added(item, shown)
                self._done(item, shown)
                self._post("response.output_item.done", **where, item=shown)
            case _:
                pass

    def _listing(self, event: McpListing) -> None:
        item = event.item
        shown, at = item_object(item), {"item_id": item.id}
        if item.status == "in_progress":
            previous = event.previous
            self._post("conversation.item.added", previous_item_id=previous, item=shown)
            self._post("mcp_list_tools.in_progress", **at)
        elif item.status == "completed":
            self._post("mcp_list_tools.completed", **at)
            self._done(item, shown)
        else:
            self._post("mcp_list_tools.failed", **at)

    def _added(self, item: Item, shown: dict[str, Any]) -> None:
        previous = self._before(item.id)
        self._post("conversation.item.added", previous_item_id=previous, item=shown)

    def _done(self, item: Item, shown: dict[str, Any]) -> None:
        previous = self._before(item.id)
        self._post("conversation.item.done", previous_item_id=previous, item=shown)

    def _post(self, kind: str, **fields: Any) -> None:
        self._send(encode(kind, **fields))
