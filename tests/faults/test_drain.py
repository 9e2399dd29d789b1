"""SIGTERM: what is open is finished, nothing new begins, and a second signal ends it all."""

import asyncio
import http.client
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import InvalidStatus

from tests.server.conftest import triton
from tests.server.processes import Http, Vdx, eventually, running
from tests.server.talk import RECORDINGS, talking, update
from vdx.serving.embedded import EmbeddedTriton

__all__ = ["triton"]  # the one that other files use: nothing is killed here

QUICK = ("--voice", "tone", "--recogniser", "canned", "--no-proof", "--port", "0")
EVENTS = {"vdx": {"events": True}}


@pytest.fixture
def own(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path: Path
) -> Iterator[tuple[Vdx, str]]:
    """A server of the test's own."""
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path, config=base_config) as vdx:
        yield vdx, vdx.url()


async def _drains(vdx: Vdx, url: str) -> None:
    """Sends SIGTERM and returns when the server says that it drains."""
    vdx.process.send_signal(signal.SIGTERM)
    ready = Http(url)
    await asyncio.to_thread(
        eventually, lambda: ready.get("/readyz") == (503, "draining"), "readyz says draining"
    )


async def test_a_call_outlives_sigterm_and_ends_the_server_with_it(tmp_path: Path) -> None:
    """Triton included: the embedded one answers until the last call is over."""
    with running("up", *QUICK, home=tmp_path) as vdx:
        url = await asyncio.to_thread(vdx.url)
        async with talking(url) as talk:
            await update(talk, EVENTS)
            await _drains(vdx, url)
            assert (await talk.wait("vdx.draining"))["seconds_left"] > 0
            with pytest.raises(InvalidStatus) as refusal:
                async with talking(url):
                    pass
            assert refusal.value.response.status_code == 503
            assert refusal.value.response.headers["retry-after"]
            assert b'"code":"draining"' in refusal.value.response.body
            assert (await talk.full_turn())["response"]["status"] == "completed"
            assert vdx.process.poll() is None
        assert await asyncio.to_thread(vdx.wait) == 0
    assert "Traceback" not in vdx.output


# The two signals have one handler.
@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.long)]
)
async def test_a_second_signal_ends_calls_at_once(own: tuple[Vdx, str], number: int) -> None:
    vdx, url = own
    async with talking(url) as talk:
        await _drains(vdx, url)
        await update(talk, EVENTS)
        await talk.wait("vdx.draining")  # told too, though it asks for events later
        vdx.process.send_signal(number)
        assert "server stopping" in (await talk.wait("error"))["error"]["message"]
        await talk.closing()
    assert await asyncio.to_thread(vdx.wait) == 0


async def test_the_wait_for_calls_has_a_limit(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path: Path
) -> None:
    config = base_config | {"server": {"drain_timeout_seconds": 1}}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path, config=config) as vdx:
        url = await asyncio.to_thread(vdx.url)
        async with talking(url) as talk:
            vdx.process.send_signal(signal.SIGTERM)
            await talk.wait("error")
            await talk.closing()
        assert await asyncio.to_thread(vdx.wait) == 0
    assert "cut off" in vdx.output


class Upload:
    """A recording that is sent in two halves."""

    def __init__(self, url: str) -> None:
        self._body = _form((RECORDINGS / "ps_cards_001.wav").read_bytes())
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.connection.putrequest("POST", "/v1/audio/transcriptions")
        self.connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        self.connection.putheader("Content-Length", str(len(self._body)))
        self.connection.endheaders()
        self.connection.send(self._body[: len(self._body) // 2])

    def finish(self) -> int:
        self.connection.send(self._body[len(self._body) // 2 :])
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def _form(wav: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    model = b'\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\ncanned\r\n--x--\r\n'
    return head + wav + model


def _begun(url: str) -> Upload:
    """An upload whose request the server has begun to answer."""
    http = Http(url)
    tasks = http.settled_tasks()
    upload = Upload(url)
    eventually(lambda: http.status()["tasks"] > tasks, "the request is being answered")
    return upload


def _closed(url: str) -> bool:
    """Whether nobody listens there any more."""
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except OSError:
        return True
    return False


def test_a_request_in_flight_is_answered(own: tuple[Vdx, str]) -> None:
    vdx, url = own
    upload = _begun(url)
    vdx.process.send_signal(signal.SIGTERM)
    eventually(lambda: _closed(url), "no new connections")
    assert upload.finish() == 200
    assert vdx.wait() == 0


def test_a_second_signal_ends_requests_too(own: tuple[Vdx, str]) -> None:
    vdx, url = own
    upload = _begun(url)
    vdx.process.send_signal(signal.SIGTERM)
    eventually(lambda: _closed(url), "no new connections")
    vdx.process.send_signal(signal.SIGTERM)
    assert vdx.wait() == 0
    upload.connection.close()
