"""Recognisers that stream, in one conversation with Whisper: swapped in and out while it lasts.

Tiny models of every layout with random weights: what they hear is no language, but when it comes
and that it only grows can be seen.
"""

import asyncio
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.processes import Http, eventually, running
from tests.server.talk import Event, Talk, clip, talking, update
from tests.server.test_whisper import sentence
from tests.triton.transducer_models import write_entries
from tests.unit.backends.speech import SPOKEN
from vdx.serving.embedded import EmbeddedTriton

LAYOUTS = {f"tiny-{each}": each for each in ("zipformer", "ctc", "nemo", "streaming", "whole")}
KNOWN = "turn_on_the_kitchen_light"
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A `vdx frontend` whose Triton has the tiny models too, which are gone afterwards."""
    models = triton.options.model_repository
    write_entries(models, LAYOUTS)
    home = tmp_path_factory.mktemp("frontend")
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    # Sessions may name it; the others are loaded by who needs them.
    streaming = {"voice": "tone", "recogniser": "tiny-zipformer"}
    profiles = {"vdx": {}, "whisper": base_config["profiles"]["whisper"], "streaming": streaming}
    with running(*arguments, home=home, config=base_config | {"profiles": profiles}) as vdx:
        url = vdx.url()
        yield url
        for name in LAYOUTS:
            Http(url).post(f"/vdx/models/{name}/unload")
        eventually(lambda: Http(url).status()["sessions"] == 0, "all sessions gone")
        assert "Traceback" not in vdx.output, vdx.output
    for name in LAYOUTS:
        shutil.rmtree(models / name)


async def _swap(talk: Talk, recogniser: str) -> None:
    session = await update(talk, {"audio": {"input": {"transcription": {"model": recogniser}}}})
    assert session["audio"]["input"]["transcription"]["model"] == recogniser


async def _whisper_hears(talk: Talk) -> None:
    mark = len(talk.events)
    await talk.say(sentence(KNOWN, talk.rate), then_s=1)
    assert (await talk.wait(COMPLETED, after=mark))["transcript"] == SPOKEN[KNOWN]
    await talk.wait("response.done", after=mark)


async def _streamed(talk: Talk) -> tuple[list[Event], Event, int]:
    """The deltas of one turn, its transcript, and where the end of its speech was told."""
    mark = len(talk.events)
    await talk.say(clip("ps_something", talk.rate), then_s=1)
    completed = await talk.wait(COMPLETED, after=mark)
    deltas = [
        each for each in talk.of(DELTA, after=mark) if each["item_id"] == completed["item_id"]
    ]
    assert completed["transcript"].startswith("".join(each["delta"] for each in deltas))
    await talk.wait("response.done", after=mark)
    stopped = await talk.wait("input_audio_buffer.speech_stopped", after=mark)
    return deltas, completed, talk.events.index(stopped)


async def test_a_transducer_is_swapped_for_whisper_and_back(server: str) -> None:
    async with talking(server, "whisper") as talk:
        await _whisper_hears(talk)
        await _swap(talk, "tiny-zipformer")
        deltas, completed, stopped = await _streamed(talk)
        assert completed["transcript"]
        early = [each for each in deltas if talk.events.index(each) < stopped]
        assert len(early) >= 2, "words come while the person speaks"
        await _swap(talk, "whisper-micro")
        await _whisper_hears(talk)


# Long: four more models are loaded, each a process that imports onnxruntime; the way they go is the
# one of the test above.
@pytest.mark.long
async def test_every_layout_takes_its_turn_in_one_conversation(server: str, http: Http) -> None:
    async with talking(server, "whisper") as talk:
        for name, layout in LAYOUTS.items():
            status, _ = await asyncio.to_thread(http.post, f"/vdx/models/{name}/load")
            assert status == 200, name
            await _swap(talk, name)
            deltas, completed, _ = await _streamed(talk)
            assert completed["transcript"], name
            assert deltas or layout in ("streaming", "whole"), "Moonshine waits for agreement"
        await _swap(talk, "whisper-micro")
        await _whisper_hears(talk)


@pytest.mark.long  # tests/server/test_session_update.py has it with a voice
async def test_a_transducer_comes_while_the_person_speaks(server: str) -> None:
    """The sentence under way is heard by the recogniser that it began with."""
    async with talking(server, "whisper") as talk:
        pcm, mark = sentence(KNOWN, talk.rate), len(talk.events)
        await talk.say(pcm[: pcm.size // 2])
        swap = asyncio.create_task(_swap(talk, "tiny-zipformer"), name="swap")
        await talk.say(pcm[pcm.size // 2 :], then_s=1)
        await swap
        assert (await talk.wait(COMPLETED, after=mark))["transcript"] == SPOKEN[KNOWN]
        await talk.wait("response.done", after=mark)
        _, completed, _ = await _streamed(talk)
        assert completed["transcript"] != SPOKEN[KNOWN]
