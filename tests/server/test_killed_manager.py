"""A model manager that is killed with -9 while it loads a model: the next one has it."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.processes import Http, Vdx, eventually, running
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.model_processes import model_processes

MODEL = "tone-waiting"
WAITING = """
import sys, time
from pathlib import Path

sys.path.insert(0, {root!r})
from triton_backends.tone.model import TritonPythonModel as Tone


class TritonPythonModel(Tone):
    def initialize(self, args):
        while not (Path(__file__).parents[1] / "permit").exists():
            time.sleep(0.02)
        super().initialize(args)
"""
ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = {
    "tts": {"voice": "tone"},
    "asr": {"model": "canned"},
    "endpointing": {"model": "none"},
    "model_manager": {
        "ttl_ms": 500,
        "min_residency_ms": 500,
        "evict_check_interval_ms": 200,
        "resident_cap": 50,  # other tests have loaded voices into this Triton
    },
}


def process_of(triton: EmbeddedTriton) -> int | None:
    return next(iter(model_processes({MODEL}, triton.pid)), None)


def state(http: Http) -> str:
    (model,) = [each for each in http.get("/vdx/models")[1]["models"] if each["name"] == MODEL]
    return str(model["state"])


def address(manager: Vdx) -> Http:
    found = manager.said(r"ready: (http://[^;\s]+)")
    assert found is not None
    return Http(found[1])


@pytest.fixture
def permit(triton: EmbeddedTriton) -> Iterator[Path]:
    """A voice of this test alone, whose load goes on once this file is there."""
    repository = triton.options.model_repository
    folder = repository / MODEL
    shutil.copytree(repository / "tone", folder, ignore=shutil.ignore_patterns("1"))
    config = folder / "config.pbtxt"
    config.write_text(config.read_text().replace('backend: "tone"', 'backend: "python"'))
    (folder / "1").mkdir()
    (folder / "1" / "model.py").write_text(WAITING.format(root=str(ROOT)))
    yield folder / "permit"
    shutil.rmtree(folder)


async def test_what_it_was_loading_is_the_next_managers(
    triton: EmbeddedTriton, permit: Path, tmp_path: Path
) -> None:
    pid = triton.pid
    path = f"/vdx/models/{MODEL}/load"

    def manager() -> contextlib.AbstractContextManager[Vdx]:
        arguments = ("manager", "--triton-url", triton.grpc_url, "--port", "0")
        environ = {"VDX_HOME": str(tmp_path / "home")}
        return running(*arguments, home=tmp_path, config=CONFIG, environ=environ)

    with manager() as first:
        http = await asyncio.to_thread(address, first)
        loading = asyncio.create_task(asyncio.to_thread(http.post, path), name="load")
        stub = await asyncio.to_thread(eventually, lambda: process_of(triton), "it is loaded")
        assert await asyncio.to_thread(state, http) == "LOADING"
        first.process.kill()
        assert await asyncio.to_thread(first.wait) == -signal.SIGKILL
        await asyncio.to_thread(permit.touch)
        with contextlib.suppress(OSError):  # the connection broke off
            await loading
        assert loading.done()
    with manager() as second:
        http = await asyncio.to_thread(address, second)
        # Nobody asks the second one for it: it is unloaded as what was loaded here and is idle.
        await asyncio.to_thread(eventually, lambda: process_of(triton) is None, "it is evicted")
        assert http.metric("vdx_model_evictions_total") >= 1
        status, told = await asyncio.to_thread(http.post, path)
        assert status == 200, told
        assert process_of(triton) not in (None, stub)
        await asyncio.to_thread(eventually, lambda: state(http) != "READY", "and goes again")
        assert "Traceback" not in second.output, second.output
    assert triton.pid == pid
