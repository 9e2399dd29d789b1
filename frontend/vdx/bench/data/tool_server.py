"""An MCP server over stdio for `vdx bench tools`; of the standard library alone.

Its tool `lookup` answers after `ms` milliseconds; calls run side by side, as a person who
interrupts one has the next one answered.
"""

import json
import sys
import threading
import time
from typing import Any

SCHEMA = {"type": "object", "properties": {"ms": {"type": "integer"}}, "required": ["ms"]}
TOOL = {"name": "lookup", "description": "Looks something up.", "inputSchema": SCHEMA}


def result_of(request: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a request; None for a method that is not known."""
    method, params = request["method"], request.get("params", {})
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "bench", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call":
        time.sleep(params["arguments"]["ms"] / 1000)
        return {"content": [{"type": "text", "text": "forty-two"}]}
    return None


def answer(request: dict[str, Any], writing: threading.Lock) -> None:
    result = result_of(request)
    unknown = {"error": {"code": -32601, "message": "unknown method"}}
    told = {"result": result} if result is not None else unknown
    line = json.dumps({"jsonrpc": "2.0", "id": request["id"], **told})
    with writing:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def main() -> None:
    writing = threading.Lock()
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            threading.Thread(target=answer, args=(request, writing), daemon=True).start()


if __name__ == "__main__":
    main()
