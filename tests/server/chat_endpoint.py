"""An OpenAI-compatible chat endpoint on loopback that answers as a test tells it to."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ChatEndpoint(BaseHTTPRequestHandler):
    """What answers one request; a test says in `answer` how."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        self.answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def answer(self, asked: dict[str, Any]) -> None:
        """Answers one request, whose body is `asked`."""
        raise NotImplementedError

    def begin(self) -> None:
        """A stream of events, whose length nobody knows yet."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True

    def tell(self, delta: dict[str, Any]) -> None:
        """One piece of the answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "choices": [choice]}
        self.send(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def done(self) -> None:
        """No more of the answer follows."""
        self.send(b"data: [DONE]\n\n")
        self.send(b"")

    def send(self, data: bytes) -> None:
        """One piece of a chunked body; an empty one ends it."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


@contextlib.contextmanager
def answering(endpoint: type[ChatEndpoint]) -> Iterator[str]:
    """The address of such an endpoint, without a path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
