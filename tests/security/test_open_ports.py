"""Every port that `vdx up` opens, its rooms and Triton's metrics included, under attack."""

import asyncio
import http.server
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Page, Response, async_playwright

from tests.browser.conftest import find_chromium
from tests.security.processes import listening
from tests.server.processes import WAIT_LIMIT_S, Http, Vdx, eventually, running
from tests.server.talk import talking

QUICK = ("--voice", "tone", "--recogniser", "canned", "--no-proof", "--port", "0")
LOAD = "/v2/repository/models/x/load"
"""What a page posted to Triton's HTTP to run its own code."""
FORM = """<form method="post" enctype="text/plain" action="{action}">
<input name='{{"parameters": {{"file:1/model.py": "' value='"}}}}'></form>
<script>document.forms[0].submit()</script>"""
SITE = "evil.example"
REFUSALS = {400, 401, 403, 404, 405, 426}
CHUNKS = 1_000_000
SENT_S = 120.0
"""A server may take its time, or hang up; it may not keep a client for longer."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vdx]:
    """A whole `vdx up` with all that it can open."""
    home = tmp_path_factory.mktemp("up")
    environ = {"VDX_HOME": str(home / "h")}
    more = ("--livekit", "--set", "embedded.metrics_port=0")
    with running("up", *QUICK, *more, home=home, environ=environ) as vdx:
        eventually(lambda: "talk here" in vdx.output or vdx.process.poll(), "ready", 240)
        yield vdx
        assert vdx.interrupt() == 0, vdx.output
        assert "Traceback" not in vdx.output, vdx.output


def _ports(up: Vdx) -> dict[int, str]:
    """The program behind each open port; all of them speak HTTP."""
    found = {port: program for program, _, port in listening(up.process.pid)}
    assert len(found) == 3, found
    assert "tritonserver" in found.values(), "its metrics, which were asked for"
    return found


@pytest.fixture
def site(up: Vdx, tmp_path: Path) -> Iterator[str]:
    """A page for each open port, served under the name of another site."""
    for port in _ports(up):
        page = FORM.format(action=f"http://127.0.0.1:{port}{LOAD}")
        (tmp_path / f"{port}.html").write_text(page)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{SITE}:{server.server_port}"
        server.shutdown()


async def _submitted(page: Page, address: str) -> Response:
    """The answer to the form that a page submits by itself."""

    def is_load(response: Response) -> bool:
        return response.url.endswith(LOAD) and response.request.method == "POST"

    async with page.expect_response(is_load, timeout=WAIT_LIMIT_S * 1000) as answer:
        await page.goto(address, wait_until="commit")
    return await answer.value


async def test_a_form_of_another_site_is_taken_by_no_port(up: Vdx, site: str) -> None:
    program = find_chromium()
    assert program is not None, "this test needs a browser; run: sudo apt install chromium"
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {SITE} 127.0.0.1"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=arguments)
        for port, owner in _ports(up).items():
            page = await browser.new_page()
            response = await _submitted(page, f"{site}/{port}.html")
            assert response.request.headers["content-type"].startswith("text/plain")
            assert response.status in REFUSALS, owner
            await page.close()
        await browser.close()


def _send_chunks(port: int, path: str) -> bytes:
    """A million chunks of one byte; the first line of the answer, empty where there is none."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    piece, pieces = b"1\r\nx\r\n" * 10_000, CHUNKS // 10_000
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=SENT_S) as connection:
        try:
            connection.sendall(head.encode())
            for _ in range(pieces):
                connection.sendall(piece)
            connection.sendall(b"0\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except TimeoutError:
            pytest.fail(f"port {port} kept a client for {SENT_S:g} s")
        except OSError:  # hung up on
            answer = b""
    assert time.monotonic() - began < 2 * SENT_S
    return answer.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "path",
    [
        LOAD,
        # Each port reads a body in one place, whatever the path.
        *(
            pytest.param(path, marks=pytest.mark.long)
            for path in ("/", "/metrics", "/token", "/v1/audio/speech")
        ),
    ],
)
async def test_a_million_chunks_harm_no_port(up: Vdx, path: str) -> None:
    """Triton 2.51 dies of them at its metrics port, and is started again."""
    http = Http(up.url())
    for port in _ports(up):
        answer = await asyncio.to_thread(_send_chunks, port, path)
        assert b" 500" not in answer
        await asyncio.to_thread(
            eventually, lambda: http.get("/readyz")[0] == 200, "ready after the chunks"
        )
        await asyncio.to_thread(
            eventually, lambda: len(listening(up.process.pid)) >= 3, "all ports open again"
        )
    async with talking(up.url()) as talk:
        assert (await talk.full_turn())["response"]["status"] == "completed"
