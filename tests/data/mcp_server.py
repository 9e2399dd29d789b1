"""An MCP server over stdio, for tests: it adds, fails and ends as it is told.

Without the library, whose import would take longer than the tests.
"""

import json
import os
import sys
from typing import Any

NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
TOOLS = [
    {"name": "add", "description": "Adds two numbers.", "inputSchema": NUMBERS},
    {"name": "fail", "inputSchema": NOTHING},
    {"name": "crash", "inputSchema": NOTHING},
]


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a request; None for a method that is not known."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "test", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": TOOLS}
    if method != "tools/call":
        return None
    if params["name"] == "crash":
        os._exit(3)
    if params["name"] == "fail":
        return {"content": [{"type": "text", "text": "as asked"}], "isError": True}
    numbers = params["arguments"]
    return {"content": [{"type": "text", "text": str(numbers["a"] + numbers["b"])}]}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = answer(request["method"], request.get("params", {}))
        unknown = {"error": {"code": -32601, "message": "unknown method"}}
        told = {"result": result} if result is not None else unknown
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **told}), flush=True)
