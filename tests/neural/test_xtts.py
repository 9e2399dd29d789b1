"""An XTTS-v2 voice of random weights in a real tritonserver, added as `vdx voices add` does it."""

import asyncio
import hashlib
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.model_memory import keeps_its_size
from tests.model_memory import text as some_text
from tests.repetitions import Repetitions
from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.test_contract import audio_of
from tests.triton.test_faults import frames_of, metric, settled
from tests.triton.wire import Response, Wire
from vdx.core.config import TritonConfig
from vdx.core.paths import Paths, locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.model_processes import model_processes
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

pytestmark = pytest.mark.neural

VOICE, TEXT = "xtts-tiny", "Hello there, my friend."
MAKER = repo.ROOT / "benchmarks" / "xtts_voice.py"
MESSAGE_S = 120.0
"""The vocoder has its full size and computes on a processor that others use too."""
LONG = "One sentence, and another one. " * 12


def digests(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return replace(locate(), home=tmp_path_factory.mktemp("xtts-home"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("xtts") / VOICE
    command = [str(locate().triton_python), "-I", str(MAKER), str(folder)]
    subprocess.run(command, check=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def store(paths: Paths, published: Path) -> VoicepackStore:
    """With the voice added; the files that it is made of are as they were."""
    before = digests(published)
    kept = VoicepackStore(paths, load_once(paths))
    kept.add(*identify(published), Origin("here", parameters={"seed": "3", "threads": "2"}))
    assert digests(published) == before
    return kept


@pytest.fixture(scope="module")
def server(store: VoicepackStore, paths: Paths) -> Iterator[EmbeddedTriton]:
    repo.copy_repository(paths.home / "light")
    (paths.home / "light" / "tone").rename(paths.pulled_models / "tone")
    with serving(paths.pulled_models, paths.home / "triton.log") as running:
        yield running


@pytest.fixture
async def wire(server: EmbeddedTriton) -> AsyncIterator[Wire]:
    async with Wire(server.grpc_url) as opened:
        await opened.load(VOICE)
        yield opened


async def spoken(wire: Wire, text: str, **inputs: object) -> list[Response]:
    async with wire.stream(VOICE) as stream:
        await stream.send({"TEXT": text, **inputs})  # type: ignore[dict-item]
        responses = await stream.read_final(MESSAGE_S)
        await stream.finish()
    return responses


def test_it_is_added_with_what_it_is(store: VoicepackStore) -> None:
    entry = store.find(VOICE)
    assert entry.pack is not None
    assert (entry.family, entry.pack.kind, entry.pack.sample_rate) == ("xtts", "tts", 24_000)
    assert {"en", "de", "zh", "hi"} <= set(entry.pack.languages)
    assert (entry.pack.cloning, entry.pack.licence) == (True, "CPML")
    assert set(entry.pack.files) == {
        "LICENSE.txt",
        "config.json",
        "speakers.safetensors",
        "vocab.json",
        "xtts.safetensors",
    }
    store.check(entry)


async def test_it_speaks(wire: Wire) -> None:
    plain = await spoken(wire, TEXT, SPEAKER="Björn", LANGUAGE="de-DE")
    assert [response.error for response in plain] == [""] * len(plain)
    assert [response.final for response in plain] == [False] * (len(plain) - 1) + [True]
    assert {response.outputs["WORDS"] for response in plain} == {"[]"}
    pcm = audio_of(plain).reshape(-1)
    assert pcm.size > 48_000, "a second and more"
    assert np.abs(pcm).max() > 1000


async def test_the_voice_of_a_recording_is_computed_once(
    wire: Wire, server: EmbeddedTriton
) -> None:
    times = np.arange(4 * 24_000) / 24_000
    reference = (np.mod(times * 150, 1.0) * 8000).astype(np.int16).tobytes()
    request = SynthesisRequest(TEXT, reference=reference)
    limit_ms = int(MESSAGE_S * 1000)
    limits = {"first_response_timeout_ms": limit_ms, "next_response_timeout_ms": limit_ms}
    async with TritonClient(TritonConfig(url=server.grpc_url, **limits)) as client:
        for _ in range(2):
            chunks = [chunk.audio async for chunk in client.synthesize(VOICE, request)]
            assert sum(map(len, chunks)) > 30, "frames"
    assert await settled(server, "vdx_reference_hits_total", VOICE, 1)
    assert await settled(server, "vdx_reference_misses_total", VOICE, 1)


async def test_a_request_that_is_not_wanted_any_more_ends(
    wire: Wire, server: EmbeddedTriton
) -> None:
    async with wire.stream(VOICE) as stream:
        await stream.send({"TEXT": LONG})
        first = await stream.read(MESSAGE_S)
        assert frames_of([first])
        cancelled = await asyncio.to_thread(metric, server, "vdx_cancellations_total", VOICE)
        stream.call.cancel()
    assert await settled(server, "vdx_active_streams", VOICE, 0)
    assert await settled(server, "vdx_cancellations_total", VOICE, cancelled + 1)
    assert frames_of(await spoken(wire, TEXT)) > 30, "the next request is served"


async def test_a_refusal_names_the_value(wire: Wire) -> None:
    refused = await spoken(wire, TEXT, LANGUAGE="fi")
    assert refused[-1].error.startswith("[invalid_argument] LANGUAGE 'fi'")


def has_torch() -> dict[str, bool]:
    """By model, whether its process has PyTorch in it."""
    processes = model_processes({VOICE, "tone"})
    maps = {model: Path(f"/proc/{number}/maps").read_text() for number, model in processes.items()}
    return {model: "libtorch" in text for model, text in maps.items()}


async def test_a_voice_of_another_family_loads_none_of_it(wire: Wire) -> None:
    await wire.load("tone")
    assert await asyncio.to_thread(has_torch) == {VOICE: True, "tone": False}


# Hundreds of requests; that it speaks at all is tested above.
@pytest.mark.long
async def test_it_keeps_its_size(
    server: EmbeddedTriton, wire: Wire, repetitions: Repetitions
) -> None:
    async def ask(chance: random.Random) -> None:
        responses = await spoken(wire, some_text(chance, 200))
        assert not any(response.error for response in responses), responses[-1].error

    await keeps_its_size(server, VOICE, ask, repetitions)
