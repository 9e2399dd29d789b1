"""One livekit-server and one tritonserver for all tests here, and workers between them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.livekit.guest import Guest
from tests.server.processes import (
    LONG_ANSWER,
    LONG_TIMEOUTS,
    Http,
    Vdx,
    eventually,
    running,
    shared_triton,
)
from tests.server.tool_endpoint import tool_endpoint
from vdx.cli.livekit_server import require_livekit_server
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.livekit import DevelopmentLiveKit

Join = Callable[..., AbstractAsyncContextManager[Guest]]


@pytest.fixture(scope="session")
def livekit_program() -> Path:
    """Found, or built once on this machine."""
    return require_livekit_server(print)


@pytest.fixture(scope="session")
def livekit(livekit_program: Path) -> Iterator[DevelopmentLiveKit]:
    server = DevelopmentLiveKit(livekit_program, 0)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def triton(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedTriton:
    return shared_triton(pytestconfig, tmp_path_factory)


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the profile `recorded` keeps its calls."""
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="session")
def chat() -> Iterator[dict[str, Any]]:
    with tool_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def config(
    livekit: DevelopmentLiveKit,
    calls: Path,
    chat: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Quick models, and a profile for every way to answer."""
    script = tmp_path_factory.mktemp("script") / "long.yaml"
    script.write_text(yaml.safe_dump([LONG_ANSWER]))
    long = {"kind": "script", "script": {"path": str(script)}}
    return {
        "asr": {"model": "canned"},
        "tts": {"voice": "tone-fast"},
        "triton": LONG_TIMEOUTS,
        "session": {"input_gap_ms": 500},
        "profiles": {
            "vdx": {},
            "long-stop": {"responder": long, "voice": "tone", "recogniser": "canned-stop"},
            "long-uh": {"responder": long, "voice": "tone", "recogniser": "canned-uh"},
            "recorded": {"record_calls": True, "consent": "We record."},
            "tools": {"responder": {"kind": "chat", "chat": chat}},
            "ending": {
                "responder": {"kind": "chat", "chat": chat},
                "tools": {"builtin": ["end_call"]},
            },
        },
        "call_recording": {"folder": str(calls)},
        "livekit": {
            "url": livekit.url,
            "api_key": livekit.api_key,
            "api_secret": livekit.api_secret,
            "rejoin_grace_seconds": 5,
            "agents": {"second": "long-stop"},
            "transcription_packets": True,
        },
    }


@pytest.fixture(scope="session")
def worker(
    triton: EmbeddedTriton, config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Vdx]:
    """A real `vdx frontend --livekit`; sessions left over fail the last test."""
    home = tmp_path_factory.mktemp("worker")
    with running(*worker_arguments(triton), home=home, config=config) as vdx:
        url = served(vdx)
        yield vdx
        eventually(lambda: Http(url).status()["sessions"] == 0, "all sessions gone")
        assert "Traceback" not in vdx.output, vdx.output


def served(vdx: Vdx) -> str:
    """Its address, once LiveKit knows the worker; importing takes long on a busy machine."""
    eventually(lambda: "ready:" in vdx.output or vdx.process.poll() is not None, "ready", 120)
    return vdx.url()


def worker_arguments(triton: EmbeddedTriton) -> tuple[str, ...]:
    return ("frontend", "--livekit", "--triton-url", triton.grpc_url, "--port", "0")


@pytest.fixture
async def join(worker: Vdx) -> AsyncIterator[Callable[..., Any]]:
    """Lets guests into rooms of the worker; they leave at the end of the test."""
    url = worker.url()
    async with AsyncExitStack() as stack:

        async def enter(*, silent: bool = False, **wanted: Any) -> Guest:
            # Into a room with a name there is no second try.
            enter_room = Guest.joined if "room_name" in wanted else Guest.met
            return await stack.enter_async_context(enter_room(url, silent=silent, **wanted))

        yield enter
