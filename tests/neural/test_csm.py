"""A CSM of random weights in a real tritonserver, added as `vdx voices add` does it."""

import asyncio
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
from vdx.core.log_ids import LogIds, logged_as
from vdx.core.paths import Paths, locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.clones import CloneOrder, add_clone
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

pytestmark = pytest.mark.neural

VOICE, TEXT = "csm-tiny", "Hello there, my friend."
MAKER = repo.ROOT / "benchmarks" / "csm_voice.py"
MESSAGE_S = 120.0
LONG = "One sentence, and another one. " * 12


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return replace(locate(), home=tmp_path_factory.mktemp("csm-home"))


@pytest.fixture(scope="module")
def store(paths: Paths, tmp_path_factory: pytest.TempPathFactory) -> VoicepackStore:
    """With the voice added."""
    folder = tmp_path_factory.mktemp("csm") / VOICE
    command = [str(locate().triton_python), "-I", str(MAKER), str(folder)]
    subprocess.run(command, check=True, timeout=300)
    kept = VoicepackStore(paths, load_once(paths))
    # Without levels and draws, so that two requests of the same text are the same.
    parameters = {"seed": "3", "threads": "2", "level": "false"}
    kept.add(*identify(folder), Origin("here", parameters=parameters))
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


def patient(server: EmbeddedTriton) -> TritonConfig:
    limit_ms = int(MESSAGE_S * 1000)
    return TritonConfig(
        url=server.grpc_url, first_response_timeout_ms=limit_ms, next_response_timeout_ms=limit_ms
    )


async def spoken(wire: Wire, text: str, **inputs: object) -> list[Response]:
    async with wire.stream(VOICE) as stream:
        await stream.send({"TEXT": text, **inputs})  # type: ignore[dict-item]
        responses = await stream.read_final(MESSAGE_S)
        await stream.finish()
    return responses


def test_it_is_added_with_what_it_is(store: VoicepackStore) -> None:
    entry = store.find(VOICE)
    assert entry.pack is not None
    assert (entry.family, entry.pack.kind, entry.pack.sample_rate) == ("csm", "tts", 24_000)
    assert (entry.pack.languages, entry.pack.cloning) == (["en"], True)
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(entry.pack.files)
    store.check(entry)


async def test_it_speaks(wire: Wire) -> None:
    plain = await spoken(wire, TEXT, SPEAKER="1", LANGUAGE="en-US")
    assert [response.error for response in plain] == [""] * len(plain)
    assert [response.final for response in plain] == [False] * (len(plain) - 1) + [True]
    pcm = audio_of(plain).reshape(-1)
    assert pcm.size > 48_000, "a second and more"
    assert np.abs(pcm).max() > 1000


async def test_it_hears_what_it_said_in_the_session(server: EmbeddedTriton, wire: Wire) -> None:
    async with TritonClient(patient(server)) as client:

        async def said(session: str) -> bytes:
            request = SynthesisRequest("Yes.")
            with logged_as(LogIds(session)):
                chunks = [chunk.audio async for chunk in client.synthesize(VOICE, request)]
            return np.concatenate(chunks).tobytes()

        first = await said("one")
        assert await said("two") == first
        assert await said("one") != first


async def test_a_recording_gives_a_voice(wire: Wire, server: EmbeddedTriton) -> None:
    times = np.arange(4 * 24_000) / 24_000
    reference = (np.mod(times * 150, 1.0) * 8000).astype(np.int16)
    told = {"REFERENCE_AUDIO": reference, "REFERENCE_TEXT": "What it says."}
    for _ in range(2):
        assert frames_of(await spoken(wire, TEXT, **told)) > 30
    assert await settled(server, "vdx_reference_hits_total", VOICE, 1)
    refused = await spoken(wire, TEXT, REFERENCE_AUDIO=reference)
    assert refused[-1].error.startswith("[invalid_argument] REFERENCE_TEXT is missing")


async def test_an_adapter_that_is_added_meanwhile_speaks(
    wire: Wire, store: VoicepackStore, paths: Paths, tmp_path: Path
) -> None:
    refused = await spoken(wire, TEXT, SPEAKER="anna")
    assert refused[-1].error.startswith("[invalid_argument] SPEAKER 'anna'")
    voice = paths.home / "voicepacks" / "csm" / VOICE
    make = (
        f"import sys; sys.path.insert(0, {str(repo.ROOT)!r}); from pathlib import Path;"
        "from tests.unit.backends.csm.adapter_files import make_adapter;"
        f"make_adapter(Path({str(tmp_path / 'anna')!r}), Path({str(voice)!r}), 1)"
    )
    command = [str(locate().triton_python), "-c", make]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=300)
    await asyncio.to_thread(store.add, *identify(tmp_path / "anna"), Origin("here"))
    plain = audio_of(await spoken(wire, TEXT))
    assert not np.array_equal(plain, audio_of(await spoken(wire, TEXT, SPEAKER="anna")))


async def test_a_clone_is_spoken_with_as_a_speaker(
    wire: Wire, server: EmbeddedTriton, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(paths.home))
    tone = (np.mod(np.arange(4 * 24_000) / 24_000 * 170, 1.0) * 8000).astype("<i2")
    order = CloneOrder("jo", "What it says.", "", "I agree to be spoken with.")
    assert add_clone(paths, order, tone.tobytes())[0] == f"{VOICE}/jo"
    async with TritonClient(patient(server)) as client:
        request = SynthesisRequest(TEXT, speaker="jo")
        chunks = [chunk.audio async for chunk in client.synthesize(VOICE, request)]
    assert sum(map(len, chunks)) > 30, "frames"


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
    refused = await spoken(wire, TEXT, SPEED=1.5)
    assert refused[-1].error.startswith("[invalid_argument] SPEED 1.5")


# Hundreds of requests; that it speaks at all is tested above.
@pytest.mark.long
async def test_it_keeps_its_size(
    server: EmbeddedTriton, wire: Wire, repetitions: Repetitions
) -> None:
    async def ask(chance: random.Random) -> None:
        responses = await spoken(wire, some_text(chance, 200))
        assert not any(response.error for response in responses), responses[-1].error

    await keeps_its_size(server, VOICE, ask, repetitions)
