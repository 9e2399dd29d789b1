"""A server that answers what a command asks as vdx does: from a table, and 404 for all else."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NOT_FOUND = {
    "error": {"message": "there is no model 'nosuch'", "code": "not_found", "type": "x"},
}


@contextmanager
def answering(
    table: dict[str, Any], key: str = "", otherwise: tuple[int, Any] = (404, NOT_FOUND)
) -> Iterator[str]:
    """The address of a server; `table` maps "METHOD /path?query" to the JSON of the answer.

    With a `key`, requests without it are refused; `otherwise` is the answer to what no table has.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # as WebSocket clients want it

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            wanted, status = f"{self.command} {self.path}", 200
            if key and self.headers.get("Authorization") != f"Bearer {key}":
                status, answer = 401, {"error": {"message": "no key", "code": "unauthorized"}}
            elif wanted in table:
                answer = table[wanted]
            else:
                status, answer = otherwise
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815  (what http.server calls)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
