"""A Kokoro voice in a real tritonserver, and `vdx voices` with one: its family brings all of it."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.server.processes import serving
from tests.triton.kokoro_models import make_kokoro
from tests.triton.test_contract import audio_of
from tests.triton.wire import Wire
from vdx.core.config import TritonConfig
from vdx.core.errors import InvalidVoicepack, ModelRejected
from vdx.core.paths import Paths, locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

TEXT = "Hello there, this is a test of 3 words. And a second sentence, which is longer than that!"
VOICE = "kokoro-tiny"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    return replace(locate(), home=tmp_path_factory.mktemp("kokoro-home"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_kokoro(tmp_path_factory.mktemp("kokoro") / VOICE)


@pytest.fixture(scope="module")
def store(paths: Paths, made: Path) -> VoicepackStore:
    """With the voice added, as `vdx voices add` does it."""
    kept = VoicepackStore(paths, load_once(paths))
    kept.add(*identify(made), Origin("here", licence="Apache-2.0"))
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


def test_the_family_tells_what_the_files_are(store: VoicepackStore) -> None:
    entry = store.find(VOICE)
    assert entry.pack is not None
    assert (entry.family, entry.pack.kind, entry.pack.sample_rate) == ("kokoro", "tts", 24_000)
    assert entry.pack.languages == ["en-US", "en-GB", "ja"]
    store.check(entry)


def test_files_that_are_no_voice_are_refused_in_the_words_of_the_family(
    store: VoicepackStore, made: Path, tmp_path: Path
) -> None:
    (tmp_path / "kokoro-x.onnx").write_bytes((made / f"{VOICE}.onnx").read_bytes()[:500])
    (tmp_path / "voices.npz").write_bytes((made / "voices-tiny.npz").read_bytes())
    with pytest.raises(InvalidVoicepack, match="is not an ONNX model"):
        store.check_path(tmp_path)


async def test_it_speaks_with_word_times(wire: Wire) -> None:
    responses = await wire.speak(VOICE, TEXT)
    assert [response.error for response in responses] == [""] * len(responses)
    words = [word for each in responses for word in json.loads(each.outputs["WORDS"])]
    assert [word["word"] for word in words] == TEXT.split()
    assert len(audio_of(responses)) > 100, "frames"
    assert np.abs(audio_of(responses)).max() > 1000


async def test_blends_languages_and_refusals(server: EmbeddedTriton, wire: Wire) -> None:
    async with TritonClient(TritonConfig(url=server.grpc_url)) as client:

        async def said(**asked: str) -> int:
            chunks = client.synthesize(VOICE, SynthesisRequest(TEXT, **asked))
            return len([chunk async for chunk in chunks])

        assert await said(speaker="af_first:0.6+bf_second:0.4", language="en-GB") > 1
        with pytest.raises(ModelRejected, match="the styles are af_first"):
            await said(speaker="nobody")
        with pytest.raises(ModelRejected, match="languages here are en-US"):
            await said(speaker="zf_fourth")
