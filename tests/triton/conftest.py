"""One real tritonserver for the whole test session; models are loaded by the tests."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.triton import repository as repo
from tests.triton.commands import Answer, Call
from tests.triton.typed import Connect
from tests.triton.wire import Wire
from vdx.cli import main
from vdx.core.config import TritonConfig
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
from vdx.serving.triton import TritonClient

VARIANTS: dict[str, tuple[str, dict[str, str]]] = {
    "tone-slow": ("tone", {"fault": "slow", "slow_ms": "60"}),
    "tone-narrow": ("tone", {"fault": "slow", "slow_ms": "60", "max_streams": "2"}),
    "tone-stuck": (
        "tone",
        # Every chunk is slow, those of the calibration at load too.
        {"fault": "slow", "slow_ms": "1500", "stuck_ms": "400", "calibration_text": "a"},
    ),
    "tone-fragile": ("tone", {}),
    "tone-spare": ("tone", {}),
    "tone-never": ("tone", {}),
    "tone-strict": ("tone", {"allow_faults": "false"}),
    "canned-two": ("canned", {"texts": "one two three|four"}),
    "canned-narrow": ("canned", {"max_utterances": "1"}),
    "canned-fragile": ("canned", {}),
    "canned-hasty": ("canned", {"max_utterances": "1", "idle_ms": "1500"}),
}

ENDPOINTERS = {
    "turn-level": "level",
    "turn-done": "done",
    "turn-nan": "nan",
    "turn-fragile": "done",
    "turn-spare": "going-on",
}


@pytest.fixture(scope="session")
def model_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models that come with vdx, and the variants above."""
    target = repo.copy_repository(tmp_path_factory.mktemp("triton") / "model_repository")
    for name, (base, parameters) in VARIANTS.items():
        idle_ms = 1600 if name == "canned-hasty" else None
        repo.add_variant(target, name, base, parameters, idle_ms=idle_ms)
    repo.add_whisper(target, "whisper-micro", repo.WHISPER, languages="en")
    for name, network in ENDPOINTERS.items():
        repo.add_endpointer(target, name, network)
    repo.add_endpointer(target, "turn-child", "done", placement="triton")
    repo.add_speaker_model(target, "voices")
    return target


@pytest.fixture(scope="session")
def triton_options(model_repository: Path) -> Callable[[], EmbeddedOptions]:
    """Options for a server on free ports over that repository."""
    paths = locate()

    def build() -> EmbeddedOptions:
        return EmbeddedOptions(
            triton_python=paths.triton_python,
            model_repository=model_repository,
            families=paths.triton_backends,
            metrics_port=0,
        )

    return build


@pytest.fixture(scope="session")
def triton_server(triton_options: Callable[[], EmbeddedOptions]) -> Iterator[EmbeddedTriton]:
    """A running tritonserver with nothing loaded; it belongs to no event loop."""
    server = EmbeddedTriton(triton_options())
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def wire(triton_server: EmbeddedTriton) -> AsyncIterator[Wire]:
    """Raw access to the server."""
    async with Wire(triton_server.grpc_url) as opened:
        yield opened


@pytest.fixture
async def connect(triton_server: EmbeddedTriton) -> AsyncIterator[Connect]:
    """Opens clients with these settings; closed at the end of the test."""
    opened: list[TritonClient] = []

    def build(**settings: Any) -> TritonClient:
        opened.append(TritonClient(TritonConfig(**({"url": triton_server.grpc_url} | settings))))
        return opened[-1]

    yield build
    for client in opened:
        await client.close()


@pytest.fixture
def vdx(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Call:
    """Runs a command of `vdx` in an empty folder; an unexpected exception fails the test."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["vdx", *arguments])
        status: int | str | None = 0
        try:
            main.main()
        except SystemExit as ended:
            status = ended.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Answer(int(status or 0), out, err)

    return call


@pytest.fixture
def on_triton(vdx: Call, triton_server: EmbeddedTriton) -> Call:
    """The same against the server of the tests."""
    return lambda *arguments: vdx(*arguments, "--set", f"triton.url={triton_server.grpc_url}")
