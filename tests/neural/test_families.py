"""What each large neural family does alike, in a real tritonserver."""

import asyncio
from contextlib import aclosing

import numpy as np
import pytest

from tests.cosyvoice_voice import named_home
from tests.neural.tiny_voices import (
    LONG,
    SECOND,
    TEXT,
    Tiny,
    TinyVoices,
    digests,
    recording,
    spoken,
)
from tests.server.processes import eventually
from tests.triton.test_contract import audio_of
from tests.triton.test_faults import frames_of, metric, settled
from tests.triton.test_load_memory import took_memory
from tests.triton.wire import Wire
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.clones import CloneOrder, add_clone, remove_clone

pytestmark = pytest.mark.neural

REFUSED = {
    "cosyvoice2": ({"SPEED": np.float32(1.5)}, "SPEED 1.5: this model cannot change"),
    "csm": ({"SPEED": np.float32(1.5)}, "SPEED 1.5: this model cannot change"),
    "xtts": ({"LANGUAGE": "fi"}, "LANGUAGE 'fi': this model speaks en"),
}


def test_it_is_added_and_its_files_are_as_they_were(voices: TinyVoices, tiny: Tiny) -> None:
    entry = voices.store.find(tiny.id)
    assert entry.pack is not None
    assert (entry.family, entry.pack.kind) == (tiny.family, "tts")
    assert (entry.pack.sample_rate, entry.pack.cloning) == (SECOND, True)
    with named_home():
        voices.store.check(entry)
    assert digests(voices.published[tiny.family]) == voices.digests[tiny.family]


async def test_it_speaks(wire: Wire, tiny: Tiny) -> None:
    await wire.load(tiny.id)
    asked = {"SPEAKER": tiny.speaker, "LANGUAGE": tiny.language}
    plain = await spoken(wire, tiny.id, TEXT, **asked)
    assert [response.error for response in plain] == [""] * len(plain)
    assert [response.final for response in plain] == [False] * (len(plain) - 1) + [True]
    assert {response.outputs["WORDS"] for response in plain} == {"[]"}
    pcm = audio_of(plain).reshape(-1)
    assert pcm.size > 48_000, "a second and more"
    assert np.abs(pcm).max() > 1000


async def test_what_it_took_to_load_is_told(wire: Wire, server: EmbeddedTriton, tiny: Tiny) -> None:
    await wire.load(tiny.id)
    told = lambda: took_memory(server, tiny.id)  # noqa: E731
    before, after = await asyncio.to_thread(eventually, told, "the model tells it")
    assert after > before + (100 << 20), "PyTorch alone is more"


async def test_the_voice_of_a_recording_is_computed_once(
    wire: Wire, server: EmbeddedTriton, voices: TinyVoices, tiny: Tiny
) -> None:
    await wire.load(tiny.id)
    names = ("vdx_reference_hits_total", "vdx_reference_misses_total")
    hits, misses = [await asyncio.to_thread(metric, server, name, tiny.id) for name in names]
    reference, text = recording(150).tobytes(), "What I say in it."
    request = SynthesisRequest(TEXT, reference=reference, reference_text=text)
    async with TritonClient(voices.patient) as client:
        for _ in range(2):
            chunks = [chunk.audio async for chunk in client.synthesize(tiny.id, request)]
            assert sum(map(len, chunks)) > 30, "frames"
    assert await settled(server, names[0], tiny.id, hits + 1)
    assert await settled(server, names[1], tiny.id, misses + 1)


async def test_a_clone_is_spoken_with_as_a_speaker(
    wire: Wire, voices: TinyVoices, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(voices.paths.home))
    await wire.load(tiny.id)
    order = CloneOrder("jo", "What it says.", "", "I agree to be spoken with.")
    assert add_clone(voices.paths, order, recording(170).tobytes())[0].endswith("-tiny/jo")
    try:
        async with TritonClient(voices.patient) as client:
            request = SynthesisRequest(TEXT, speaker="jo")
            chunks = [chunk.audio async for chunk in client.synthesize(tiny.id, request)]
    finally:
        remove_clone(voices.paths, "jo")
    assert sum(map(len, chunks)) > 30, "frames"


async def test_a_request_that_is_not_wanted_any_more_ends(
    wire: Wire, server: EmbeddedTriton, voices: TinyVoices, tiny: Tiny
) -> None:
    await wire.load(tiny.id)
    name = "vdx_cancellations_total"
    cancelled = await asyncio.to_thread(metric, server, name, tiny.id)
    # As every program of vdx does it: the end of a gRPC call alone can crash tritonserver 2.51.
    async with (
        TritonClient(voices.patient) as client,
        aclosing(client.synthesize(tiny.id, SynthesisRequest(LONG))) as chunks,
    ):
        assert len((await anext(chunks)).audio)
    assert await settled(server, "vdx_active_streams", tiny.id, 0)
    assert await settled(server, name, tiny.id, cancelled + 1)
    assert frames_of(await spoken(wire, tiny.id, TEXT)) > 30, "the next request is served"


async def test_a_refusal_names_the_value(wire: Wire, tiny: Tiny) -> None:
    await wire.load(tiny.id)
    asked, reason = REFUSED[tiny.family]
    refused = await spoken(wire, tiny.id, TEXT, **asked)
    assert refused[-1].error.startswith(f"[invalid_argument] {reason}")
