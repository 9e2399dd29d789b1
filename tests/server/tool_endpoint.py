"""A chat endpoint that calls the first tool that it is offered, for the tests of tools."""

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ARGUMENTS = {
    "weather": {"city": "Oslo"},
    "add": {"a": 2, "b": 3},
    "end_call": {"farewell": "Goodbye."},
    "current_time": {"timezone": "UTC"},
}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@contextlib.contextmanager
def tool_endpoint() -> Iterator[dict[str, Any]]:
    """Runs it; the configuration of `responder.chat` that asks it."""
    endpoint = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    try:
        yield {"base_url": f"http://127.0.0.1:{endpoint.server_port}/v1"}
    finally:
        endpoint.shutdown()
        endpoint.server_close()


class _Endpoint(BaseHTTPRequestHandler):
    """Calls the first tool that it is offered, and then says what the result is."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        last = asked["messages"][-1]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if last["role"] == "tool":
            self._tell({"content": f"The answer is {last['content']}."})
        elif tools := asked.get("tools"):
            self._call(tools[0]["function"]["name"])
        else:
            self._tell({"content": "There is no tool."})
        self._send(b"data: [DONE]\n\n")
        self._send(b"")
        self.close_connection = True

    def _call(self, name: str) -> None:
        text = json.dumps(ARGUMENTS[name])
        head = {"index": 0, "id": "call_1", "type": "function"}
        self._tell({"tool_calls": [head | {"function": {"name": name, "arguments": ""}}]})
        for piece in (text[:5], text[5:]):
            self._tell({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})

    def _tell(self, delta: dict[str, Any]) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": int(time.time())}
        self._send(b"data: " + json.dumps(chunk | {"choices": [choice]}).encode() + b"\n\n")

    def _send(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()
