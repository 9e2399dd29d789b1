"""A released Piper voice, and espeak, in a real Triton: loudness and pauses of what is heard."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.released_voice import NAME, released_voice
from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.piper_models import add_piper
from tests.triton.wire import Wire
from triton_backends.shared.loudness import integrated_loudness
from vdx.serving.embedded import EmbeddedTriton

RATE = 48_000
SOUND = 0.01
MESSAGE_S = 120.0
VOICES = (NAME, "espeak")
SENTENCES = (
    "Good morning, how can I help you today?",
    "Your table for four is booked at half past seven.",
    "The train to the coast leaves from platform nine in ten minutes.",
    "Could you spell your name for me, please?",
    "It costs 25 dollars and 90 cents.",
    "We are sorry for the delay; thank you for waiting so patiently.",
    "The weather tomorrow will be mostly sunny with a gentle breeze from the west.",
    "Hmm, let me think about that for a moment.",
)
PAUSES_MS = {"We are home,": 120, "We are home.": 250, "We are home\n": 250, "We are home\n\n": 450}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    models = repo.copy_repository(tmp_path_factory.mktemp("released") / "models")
    add_piper(models, NAME, released_voice())
    with serving(models, models.parent / "triton.log") as running:
        yield running


async def heard(wire: Wire, voice: str, text: str, speed: float = 1.0) -> NDArray[np.float32]:
    """A clause as float32 mono at 48 kHz."""
    async with wire.stream(voice) as stream:
        await stream.send({"TEXT": text, "SPEED": speed})
        responses = await stream.read_final(MESSAGE_S)
        await stream.finish()
    assert not any(response.error for response in responses), responses[-1].error
    frames = [each.outputs["AUDIO"].reshape(-1) for each in responses if each.outputs]
    return (np.concatenate(frames) / 32768).astype(np.float32)


@pytest.mark.parametrize("voice", VOICES)
async def test_every_clause_is_as_loud_as_the_others(server: EmbeddedTriton, voice: str) -> None:
    async with Wire(server.grpc_url) as wire:
        await wire.load(voice)
        found = {text: await heard(wire, voice, text) for text in SENTENCES}
    levels = {text: integrated_loudness(audio, RATE) for text, audio in found.items()}
    print(voice, {text: round(level, 2) for text, level in levels.items()})
    assert all(audio.size > RATE for audio in found.values())
    assert all(abs(level + 16) < 1 for level in levels.values()), levels
    assert max(float(np.abs(audio).max()) for audio in found.values()) < 0.99


@pytest.mark.parametrize("voice", VOICES)
async def test_a_clause_ends_with_the_pause_of_its_end(server: EmbeddedTriton, voice: str) -> None:
    async with Wire(server.grpc_url) as wire:
        await wire.load(voice)
        for text, pause_ms in PAUSES_MS.items():
            for speed in (1.0, 2.0):
                loud = np.flatnonzero(
                    np.abs(audio := await heard(wire, voice, text, speed)) > SOUND
                )
                assert loud[0] < RATE // 100
                silence_ms = (audio.size - loud[-1]) * 1000 / RATE
                # The last frame is filled up, and the sound fades out below what counts here.
                assert -2 < silence_ms - pause_ms / speed < 80, (text, speed)
