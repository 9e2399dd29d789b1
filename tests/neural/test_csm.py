"""What Sesame CSM alone has, of random weights in a real tritonserver."""

import asyncio
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.neural.tiny_voices import TEXT, TINY, TinyVoices, recording, spoken
from tests.triton import repository as repo
from tests.triton.test_contract import audio_of
from tests.triton.wire import Wire
from vdx.core.log_ids import LogIds, logged_as
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.staging import Origin

pytestmark = pytest.mark.neural

VOICE = TINY["csm"].id


def test_it_is_added_with_what_it_is(voices: TinyVoices) -> None:
    pack = voices.store.find(VOICE).pack
    assert pack is not None
    assert pack.languages == ["en"]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= set(pack.files)


async def test_it_hears_what_it_said_in_the_session(voices: TinyVoices, wire: Wire) -> None:
    await wire.load(VOICE)
    async with TritonClient(voices.patient) as client:

        async def said(session: str) -> bytes:
            request = SynthesisRequest("Yes.")
            with logged_as(LogIds(session)):
                chunks = [chunk.audio async for chunk in client.synthesize(VOICE, request)]
            return np.concatenate(chunks).tobytes()

        first = await said("one")
        assert await said("two") == first
        assert await said("one") != first


async def test_it_hears_what_the_person_said(voices: TinyVoices, wire: Wire) -> None:
    await wire.load(VOICE)
    async with TritonClient(voices.patient) as client:

        async def said(request: SynthesisRequest) -> bytes:
            chunks = [chunk.audio async for chunk in client.synthesize(VOICE, request)]
            return np.concatenate(chunks).tobytes()

        alone = await said(SynthesisRequest("Yes."))
        heard = recording(150).tobytes()
        asked = SynthesisRequest("Yes.", heard=heard, heard_text="Who is there?")
        assert await said(asked) != alone
        assert await said(SynthesisRequest("Yes.")) == alone, "of no session nothing stays"


async def test_a_recording_without_its_words_is_refused(wire: Wire) -> None:
    await wire.load(VOICE)
    refused = await spoken(wire, VOICE, TEXT, REFERENCE_AUDIO=recording(150))
    assert refused[-1].error.startswith("[invalid_argument] REFERENCE_TEXT is missing")


async def test_an_adapter_that_is_added_meanwhile_speaks(
    wire: Wire, voices: TinyVoices, tmp_path: Path
) -> None:
    await wire.load(VOICE)
    refused = await spoken(wire, VOICE, TEXT, SPEAKER="anna")
    assert refused[-1].error.startswith("[invalid_argument] SPEAKER 'anna'")
    own = voices.paths.home / "voicepacks" / "csm" / VOICE
    make = (
        f"import sys; sys.path.insert(0, {str(repo.ROOT)!r}); from pathlib import Path;"
        "from tests.unit.backends.csm.adapter_files import make_adapter;"
        f"make_adapter(Path({str(tmp_path / 'anna')!r}), Path({str(own)!r}), 1)"
    )
    command = [str(voices.paths.triton_python), "-c", make]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=300)
    await asyncio.to_thread(voices.store.add, *identify(tmp_path / "anna"), Origin("here"))
    plain = audio_of(await spoken(wire, VOICE, TEXT))
    assert not np.array_equal(plain, audio_of(await spoken(wire, VOICE, TEXT, SPEAKER="anna")))
