"""A chat endpoint that refuses, hangs or breaks off: a spoken apology, and the session lives."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.server.processes import running
from tests.server.talk import talking
from vdx.serving.embedded import EmbeddedTriton

GOODBYE = "Goodbye, Nguyen of nginx."
APOLOGY = "Sorry, I cannot answer right now."
MODES = ("fine", "refuse", "hang", "break", "garbage")


class _Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint; the first part of the path is how it behaves."""

    protocol_version = "HTTP/1.1"
    ending = threading.Event()

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        mode = self.path.split("/")[1]
        if mode == "refuse":
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if mode == "hang":
            self.ending.wait(30)
        elif mode == "garbage":
            self._send(b"data: {nonsense\n\n")
            self._send(b"")
        else:
            self._tell("All is well today. ")
            if mode == "break":
                self.close_connection = True
                return
            self._tell("Goodbye.")
            self._send(b"data: [DONE]\n\n")
            self._send(b"")
        self.close_connection = True

    def _tell(self, text: str) -> None:
        delta = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": int(time.time())}
        self._send(b"data: " + json.dumps(chunk | {"choices": [delta]}).encode() + b"\n\n")

    def _send(self, data: bytes) -> None:
        """One piece of a chunked body; an empty one ends it."""
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    endpoint = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()

    def chat(mode: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{endpoint.server_port}/{mode}/v1"
        own = {"base_url": url, "retries": 0}
        own |= {"first_token_timeout_ms": 700, "next_token_timeout_ms": 700}
        return {"responder": {"kind": "chat", "chat": own}, "voice": "tone-fast"}

    def stands_in(*others: str) -> dict[str, Any]:
        """The first endpoint refuses, and so do all but the last of the others."""
        profile = chat("refuse")
        urls = [f"http://127.0.0.1:{endpoint.server_port}/{mode}/v1" for mode in others]
        profile["responder"]["chat"]["fallbacks"] = [{"base_url": url} for url in urls]
        return profile

    patient = chat("fine") | {
        "voice": "espeak-en",
        "idle": {
            "after_ms": 1000,
            "text": "Are you still there?",
            "goodbye_after_ms": 1000,
            "goodbye_text": GOODBYE,
        },
        "pronunciation": {"Nguyen": "/wˈɪn/", "nginx": "engine x"},
    }
    profiles = {"vdx": {}} | {mode: chat(mode) for mode in MODES}
    profiles |= {"stands-in": stands_in("hang", "fine"), "patient": patient}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("chat")
    try:
        with running(*arguments, home=home, config=base_config | {"profiles": profiles}) as vdx:
            yield vdx.url()
            assert "Traceback" not in vdx.output, vdx.output
    finally:
        _Endpoint.ending.set()
        endpoint.shutdown()
        endpoint.server_close()


async def test_an_endpoint_answers(server: str) -> None:
    async with talking(server, "fine") as talk:
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed"
        spoken = done["response"]["output"][0]["content"][0]["transcript"]
        assert spoken == "All is well today. Goodbye."


@pytest.mark.parametrize("mode", ["refuse", "hang", "break", "garbage"])
async def test_a_failure_is_apologised_for(server: str, mode: str) -> None:
    async with talking(server, mode) as talk:
        for _ in range(2):
            mark = len(talk.events)
            done = await talk.full_turn()
            error = await talk.error(mark)
            assert error["service"] == "responder"
            spoken = done["response"]["output"][0]["content"][0]["transcript"]
            assert spoken.endswith(APOLOGY)
            assert spoken.startswith("All is well today.") == (mode == "break")
            assert talk.audio(done["response"]["id"]).size > 24_000 // 2


async def test_another_endpoint_answers_where_one_fails(server: str) -> None:
    async with talking(server, "stands-in") as talk:
        for _ in range(2):
            done = await talk.full_turn()
            spoken = done["response"]["output"][0]["content"][0]["transcript"]
            assert spoken == "All is well today. Goodbye."
        assert not talk.of("error")


async def test_who_stays_silent_is_asked_said_goodbye_to_and_hung_up_on(server: str) -> None:
    """By a voice of espeak-ng, with words that are respelled and in IPA."""
    async with talking(server, "patient") as talk:
        await talk.full_turn()
        done = await talk.wait("response.done", count=3)
        said = [
            event["response"]["output"][0]["content"][0]["transcript"]
            for event in talk.of("response.done")
        ]
        assert said[1:] == ["Are you still there?", GOODBYE]
        assert done["response"]["status"] == "completed"
        assert talk.audio(done["response"]["id"]).size > 24_000
        assert not talk.of("error")
        await talk.closing()
