"""Items of MCP servers as a client sends them, made items of the conversation."""

from typing import Any, Final

from vdx.core.mcp import McpFault, McpTool
from vdx.core.tools import ToolCall
from vdx.core.validation import validated
from vdx.dialog.history import Item
from vdx.dialog.mcp_record import McpRecord
from vdx.transports.realtime.schema import (
    McpItem,
    NewMcpAnswer,
    NewMcpCall,
    NewMcpList,
    NewMcpRequest,
)

SHAPES: Final[dict[str, type[McpItem]]] = {
    "mcp_list_tools": NewMcpList,
    "mcp_call": NewMcpCall,
    "mcp_approval_request": NewMcpRequest,
    "mcp_approval_response": NewMcpAnswer,
}
NO_OUTPUT: Final = "It failed."


def new_mcp_item(given: object) -> McpItem | None:
    """Such an item, checked; None where it is of another type."""
    kind = given.get("type") if isinstance(given, dict) else None
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    return None if shape is None else validated(shape, given, "item")


def mcp_item_of(new: McpItem, item_id: str) -> Item:
    """The item of the history; of calls the id is that of the call too."""
    match new:
        case NewMcpAnswer(approval_request_id=request, approve=approve):
            answer = McpRecord("mcp_approval_response", request=request, approved=approve)
            answer.reason = new.reason or ""
            return Item(item_id, "system", mcp=answer)
        case NewMcpList(server_label=label):
            tools = tuple(_tool(each) for each in new.tools)
            return Item(item_id, "system", mcp=McpRecord("mcp_list_tools", label, tools=tools))
        case NewMcpCall(name=name, server_label=label):
            record = McpRecord("mcp_call", label, name, request=new.approval_request_id or "")
            record.fault = None if new.error is None else _fault(new.error)
            text = new.output or (record.fault.message if record.fault else "")
        case NewMcpRequest(name=name, server_label=label):
            record, text = McpRecord("mcp_approval_request", label, name), ""
    call = ToolCall(item_id, name, new.arguments)
    return Item(item_id, "assistant", text, call=call, mcp=record)


def _tool(given: dict[str, Any]) -> McpTool:
    schema, notes = given.get("input_schema"), given.get("annotations")
    return McpTool(
        str(given.get("name", "")),
        str(given.get("description") or ""),
        schema if isinstance(schema, dict) else {},
        notes if isinstance(notes, dict) else None,
    )


def _fault(given: dict[str, Any]) -> McpFault:
    """What is no error of the protocol's is the tool's own."""
    message = str(given.get("message") or NO_OUTPUT)
    code = given.get("code")
    match given.get("type"):
        case "protocol_error" | "http_error" as kind if isinstance(code, int):
            return McpFault(kind, message, code)
        case _:
            return McpFault("tool_execution_error", message)
