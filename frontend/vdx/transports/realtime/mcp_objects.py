"""Items of MCP servers that a client has named, as the protocol shows them."""

from typing import Any

from vdx.core.mcp import McpFault, McpTool
from vdx.dialog.history import Item
from vdx.dialog.mcp_record import McpRecord


def mcp_item(item: Item, record: McpRecord) -> dict[str, Any]:
    """The object of a list of tools, a call, a request for approval, or the answer to one."""
    shown: dict[str, Any] = {"id": item.id, "object": "realtime.item", "type": record.kind}
    if record.kind == "mcp_approval_response":
        return shown | {
            "approval_request_id": record.request,
            "approve": bool(record.approved),
            "reason": record.reason or None,
        }
    shown["server_label"] = record.label
    if record.kind == "mcp_list_tools":
        return shown | {"tools": [_tool(tool) for tool in record.tools]}
    shown |= {"name": record.name, "arguments": item.call.arguments if item.call else "{}"}
    if record.kind == "mcp_approval_request":
        return shown
    done = item.status == "completed"
    return shown | {
        "approval_request_id": record.request or None,
        "output": item.text if done and record.fault is None else None,
        "error": None if record.fault is None else _error(record.fault),
    }


def _tool(tool: McpTool) -> dict[str, Any]:
    return {
        "name": tool.name,
        "description": tool.description,
        "input_schema": dict(tool.schema),
        "annotations": None if tool.annotations is None else dict(tool.annotations),
    }


def _error(fault: McpFault) -> dict[str, Any]:
    shown: dict[str, Any] = {"type": fault.kind, "message": fault.message}
    return shown if fault.kind == "tool_execution_error" else shown | {"code": fault.code}
