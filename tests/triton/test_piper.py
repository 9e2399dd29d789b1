"""Piper voices in a real tritonserver: both placements, child models, memory, bad files."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.killing import kill_model_process
from tests.server.processes import serving
from tests.triton.piper_models import QUIET, add_piper, make_voicepack
from tests.triton.test_contract import audio_of
from tests.triton.wire import Wire
from vdx.core.config import TritonConfig
from vdx.core.errors import ModelUnavailable
from vdx.serving import child_models
from vdx.serving.child_models import is_child
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.manager import ModelManager
from vdx.serving.triton import SynthesisRequest, TritonClient

TEXT = "Hello there, this is a test of 3 words. And a second sentence!"
CYCLES = 6


@pytest.fixture(scope="module")
def voicepacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voicepacks")
    make_voicepack(folder / "quiet", "tiny-speakers", **QUIET)
    make_voicepack(folder / "removed")
    make_voicepack(folder / "truncated")
    network = folder / "truncated" / "truncated.onnx"
    network.write_bytes(network.read_bytes()[:100_000])
    return folder


@pytest.fixture(scope="module")
def server(voicepacks: Path) -> Iterator[EmbeddedTriton]:
    models = voicepacks.parent / f"{voicepacks.name}-models"
    # The gain follows the pieces, whose sizes depend on the machine; these two are compared.
    add_piper(models, "inline", f"../../{voicepacks.name}/quiet", level="false")
    add_piper(models, "placed", voicepacks / "quiet", placement="triton", level="false")
    add_piper(models, "cycled", voicepacks / "quiet", placement="triton")
    add_piper(models, "removed", voicepacks / "removed", first_ms="40", largest_ms="40")
    add_piper(models, "truncated", voicepacks / "truncated")
    add_piper(models, "nowhere", voicepacks / "nowhere")
    add_piper(models, "moon", voicepacks / "quiet", placement="moon")
    with serving(models, models.parent / "triton.log") as running:
        yield running


@pytest.fixture
async def client(server: EmbeddedTriton) -> AsyncIterator[TritonClient]:
    async with TritonClient(TritonConfig(url=server.grpc_url)) as opened:
        yield opened


@pytest.fixture
async def triton(server: EmbeddedTriton) -> AsyncIterator[Wire]:
    async with Wire(server.grpc_url) as opened:
        yield opened


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110  (what another process does sets no event)
        await asyncio.sleep(0.05)


async def until_gone(client: TritonClient, parent: str) -> None:
    async with asyncio.timeout(60):
        while await has_children(client, parent):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def has_children(client: TritonClient, parent: str) -> bool:
    try:
        return any(f"_{parent}-" in name for name in await client.children())
    except ModelUnavailable:  # one ended while Triton counted
        return True


async def test_both_placements_give_the_same_audio_and_words(
    triton: Wire, client: TritonClient
) -> None:
    heard = []
    for model in ("inline", "placed"):
        await triton.load(model)
        responses = await triton.speak(model, TEXT, SPEAKER="s1", SPEED=1.2)
        assert [r.error for r in responses] == [""] * len(responses)
        words = [w for r in responses if r.outputs for w in json.loads(r.outputs["WORDS"])]
        assert [word["word"] for word in words] == TEXT.split()
        heard.append((audio_of(responses).astype(np.int32), words))
    (inline, inline_words), (placed, placed_words) = heard
    assert inline.shape == placed.shape
    assert np.abs(inline - placed).max() <= 2
    assert inline_words == placed_words
    assert len(await client.children()) == 3
    assert not any(is_child(state.name) for state in await client.index())
    await triton.unload("placed")
    await until_gone(client, "placed")


async def test_what_a_crashed_process_leaves_is_swept(
    server: EmbeddedTriton,
    triton: Wire,
    client: TritonClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await triton.load("placed")
    [stub] = [p for p in stubs(server) if "placed_0" in " ".join(p.cmdline()) and not child(p)]
    await asyncio.to_thread(kill_model_process, stub.pid)
    await triton.unload("placed")
    assert len(await client.children()) == 3
    # A parent that died may stay UNLOADING for ever.
    monkeypatch.setattr(child_models, "GRACE_S", 0.0)
    await ModelManager(client)._look_after_server()
    await until_gone(client, "placed")
    await triton.load("placed")
    assert (await triton.speak("placed", "alive"))[-1].error == ""


def stubs(server: EmbeddedTriton) -> list[psutil.Process]:
    """The living processes of models; one that was killed stays a zombie until the server ends."""
    assert server.pid is not None
    found = []
    for process in psutil.Process(server.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def command(process: psutil.Process) -> str:
    """Its command line; empty when it has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def child(process: psutil.Process) -> bool:
    return "_vdx_child_" in command(process)


async def test_a_voice_removed_while_it_speaks_is_heard_to_its_end(
    triton: Wire, voicepacks: Path
) -> None:
    await triton.load("removed")
    async with triton.stream("removed") as stream:
        await stream.send({"TEXT": "and so on and on " * 20})
        assert (await stream.read()).error == ""
        await triton.unload("removed")
        shutil.rmtree(voicepacks / "removed")
        responses = await stream.read_final()
    assert responses[-1].final
    assert [r.error for r in responses] == [""] * len(responses)
    with pytest.raises(Exception, match=r"\[invalid_argument\] voicepack"):
        await triton.load("removed")


@pytest.mark.parametrize(
    ("model", "named"),
    [
        ("truncated", "truncated.onnx is not an ONNX model"),
        ("nowhere", "no folder"),
        ("moon", "'moon'"),
    ],
)
async def test_a_bad_voicepack_is_a_coded_error_at_load(
    triton: Wire, model: str, named: str
) -> None:
    with pytest.raises(Exception, match=r"\[invalid_argument\]") as failure:
        await triton.load(model)
    assert named in str(failure.value)


# Six loads of four models each. That processes are gone is seen above, and that models may come and
# go in tests/faults/test_load_unload.py.
@pytest.mark.long
async def test_loading_and_unloading_leaves_no_process_and_no_memory(
    server: EmbeddedTriton, client: TritonClient
) -> None:
    sizes = []
    for _ in range(CYCLES):
        await client.load("cycled")
        assert [chunk async for chunk in client.synthesize("cycled", SynthesisRequest("a"))]
        await client.unload("cycled")
        await until_gone(client, "cycled")
        sizes.append(await settled_rss(server))
    assert max(sizes[-2:]) < 1.05 * max(sizes[2:4])


async def settled_rss(server: EmbeddedTriton) -> int:
    """Bytes of the server once the processes of the model are gone."""
    async with asyncio.timeout(60):
        await until(lambda: not any("cycled" in command(p) for p in stubs(server)))
    assert server.pid is not None
    return int(psutil.Process(server.pid).memory_info().rss)
