"""A CosyVoice 2 of random weights in a real tritonserver, added as `vdx voices add` does it."""

import asyncio
import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.cosyvoice_voice import use_home
from tests.model_memory import keeps_its_size
from tests.model_memory import text as some_text
from tests.neural.test_xtts import digests
from tests.repetitions import Repetitions
from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.test_contract import audio_of
from tests.triton.test_faults import frames_of, metric, settled
from tests.triton.wire import Response, Wire
from vdx.core.config import TritonConfig
from vdx.core.errors import InvalidVoicepack
from vdx.core.paths import Paths, locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import TRUSTED, Origin
from vdx.serving.voicepacks.store import VoicepackStore

pytestmark = pytest.mark.neural

VOICE, TEXT = "cosyvoice2-tiny", "Hello there, my good friend."
MESSAGE_S = 120.0
LONG = "One sentence, and another one. " * 12
PARAMETERS = {TRUSTED: "true", "seed": "3", "threads": "2", "most_tokens_for_each": "2"}


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """The checkout, as the processes of models are told it: the real one or the stand-in."""
    before = os.environ.get("COSYVOICE_HOME")
    yield use_home()
    if before is None:
        del os.environ["COSYVOICE_HOME"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return replace(locate(), home=tmp_path_factory.mktemp("cosyvoice2-home"))


@pytest.fixture(scope="module")
def published(home: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cosyvoice2") / VOICE
    command = [str(locate().triton_python), "-m", "tests.cosyvoice_voice", str(folder)]
    subprocess.run(command, check=True, timeout=300, cwd=repo.ROOT)
    return folder


@pytest.fixture(scope="module")
def store(paths: Paths, published: Path) -> VoicepackStore:
    """With the voice added; the files that it is made of are as they were."""
    before = digests(published)
    kept = VoicepackStore(paths, load_once(paths))
    with pytest.raises(InvalidVoicepack, match=r"can run any code .*--trust"):
        kept.add(*identify(published), Origin("here"))
    kept.add(*identify(published), Origin("here", parameters=PARAMETERS))
    assert digests(published) == before
    return kept


@pytest.fixture(scope="module")
def server(store: VoicepackStore, paths: Paths) -> Iterator[EmbeddedTriton]:
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
    assert (entry.family, entry.pack.kind, entry.pack.sample_rate) == ("cosyvoice2", "tts", 24_000)
    assert {"en", "zh", "ja", "ko", "yue"} == set(entry.pack.languages)
    assert (entry.pack.cloning, entry.pack.trusted, entry.pack.licence) == (
        True,
        True,
        "Apache-2.0",
    )
    store.check(entry)


async def test_it_speaks(wire: Wire) -> None:
    plain = await spoken(wire, TEXT, SPEAKER="Bo:sadly", LANGUAGE="en-GB")
    assert [response.error for response in plain] == [""] * len(plain)
    assert [response.final for response in plain] == [False] * (len(plain) - 1) + [True]
    pcm = audio_of(plain).reshape(-1)
    assert pcm.size > 48_000, "a second and more"
    assert np.abs(pcm).max() > 1000


async def test_the_voice_of_a_recording_is_computed_once(
    wire: Wire, server: EmbeddedTriton
) -> None:
    times = np.arange(4 * 24_000) / 24_000
    reference = (np.mod(times * 150, 1.0) * 8000).astype(np.int16).tobytes()
    limit_ms = int(MESSAGE_S * 1000)
    limits = {"first_response_timeout_ms": limit_ms, "next_response_timeout_ms": limit_ms}
    async with TritonClient(TritonConfig(url=server.grpc_url, **limits)) as client:
        for text in ("", "What I say in it."):
            request = SynthesisRequest(TEXT, reference=reference, reference_text=text)
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
    refused = await spoken(wire, TEXT, SPEED=np.float32(1.5))
    assert refused[-1].error.startswith("[invalid_argument] SPEED 1.5")


# Hundreds of requests; that it speaks at all is tested above.
@pytest.mark.long
async def test_it_keeps_its_size(
    server: EmbeddedTriton, wire: Wire, repetitions: Repetitions
) -> None:
    async def ask(chance: random.Random) -> None:
        responses = await spoken(wire, some_text(chance, 200), SPEAKER="Bo")
        assert not any(response.error for response in responses), responses[-1].error

    await keeps_its_size(server, VOICE, ask, repetitions)
