"""A crowd of silent strangers, a real server and few descriptors."""

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server.processes import Http, Vdx, running
from tests.server.talk import talking
from vdx.serving.embedded import EmbeddedTriton

DESCRIPTORS = 256
STRANGERS = 400


@pytest.fixture(scope="module")
def scarce(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vdx]:
    """A server that may never hold more than 256 descriptors."""
    home = tmp_path_factory.mktemp("scarce")
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=home, config=base_config, descriptors=DESCRIPTORS) as vdx:
        vdx.url()
        yield vdx


async def test_silent_strangers_keep_nobody_out(scarce: Vdx) -> None:
    url = scarce.url()
    address = (urlsplit(url).hostname, urlsplit(url).port)
    http = Http(url)
    async with talking(url) as talk:
        strangers = []
        for _ in range(STRANGERS):
            stranger = socket.socket()
            stranger.setblocking(False)  # noqa: FBT003  (the standard library's signature)
            stranger.connect_ex(address)
            strangers.append(stranger)
        try:
            assert await asyncio.to_thread(http.get, "/healthz") == (200, "ok")
            assert (await talk.full_turn())["response"]["status"] == "completed"
            async with talking(url) as another:
                assert (await another.full_turn())["response"]["status"] == "completed"
        finally:
            for stranger in strangers:
                stranger.close()
    assert (await asyncio.to_thread(http.get, "/readyz"))[0] == 200
    assert len(scarce.output) < 10_000, scarce.output[-2000:]
    assert "Traceback" not in scarce.output


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/audio/transcriptions", "/token"])
async def test_a_client_that_leaves_early_leaves_no_traceback(scarce: Vdx, path: str) -> None:
    parts = urlsplit(scarce.url())
    kind = "multipart/form-data; boundary=x" if "trans" in path else "application/json"
    head = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {kind}\r\n"
    for body in ("Content-Length: 100\r\n\r\n", 'Content-Length: 100\r\n\r\n{"a', "Content-Le"):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write((head + body).encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()
    assert (await asyncio.to_thread(Http(scarce.url()).get, "/healthz"))[0] == 200
    assert "Traceback" not in scarce.output
