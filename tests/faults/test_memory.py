"""The processes of a model keep their size, whatever lengths it is asked for.

Long tests: growth takes hundreds of requests to show. That every family is loaded, speaks or hears
is tested in tests/triton.
"""

import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.model_memory import LONGEST, keeps_its_size, length, stays_flat_over_loads, text
from tests.released_voice import NAME, released_voice
from tests.repetitions import Repetitions
from tests.server.processes import serving
from tests.triton import repository as repo
from tests.triton.kokoro_models import make_kokoro
from tests.triton.piper_models import add_piper, add_voice
from tests.triton.transducer_models import add_transducer
from tests.triton.wire import Wire
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton

SPEED = 4.0
"""Less audio for the same lengths of text: the shapes vary as much, the test takes less long."""
MESSAGE_S = 300.0

RECORDING = Path(__file__).parents[1] / "data" / "audio" / "rhasspy_lamp.wav"
MODELS = {
    "canned": "canned",
    "espeak": "espeak",
    "kokoro": "kokoro-tiny",
    "moonshine": "moonshine-tiny",
    "piper": NAME,
    "pocketsphinx": "pocketsphinx-en",
    "smart_turn": "turn-level",
    "speaker_embedding": "voices",
    "tone": "tone",
    "transducer": "zipformer-tiny",
    "whisper": "whisper-micro",
}
"""By family, the model that is asked."""
NOT_ASKED = {
    "onnxruntime": "runs networks that others are given; it neither speaks nor hears",
    "cosyvoice2": "needs the extra environment; tests/neural has the same test",
    "csm": "needs the extra environment; tests/neural has the same test",
    "xtts": "needs the extra environment; tests/neural has the same test",
}
RECOGNISERS = ("canned", "moonshine-tiny", "pocketsphinx-en", "whisper-micro", "zipformer-tiny")
ENDPOINTERS = ("turn-level",)
SPEAKER_MODELS = ("voices",)
FINAL = 2
"""STATE of a final transcript."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedTriton]:
    """The models that come with vdx, the released voice and small ones of the other families."""
    models = repo.copy_repository(tmp_path_factory.mktemp("memory") / "models")
    add_piper(models, NAME, released_voice())
    voice = make_kokoro(tmp_path_factory.mktemp("kokoro") / "kokoro-tiny")
    add_voice(models, "kokoro-tiny", "kokoro", voice)
    repo.add_whisper(models, "whisper-micro", repo.WHISPER, languages="en")
    repo.add_endpointer(models, "turn-level", "level")
    repo.add_speaker_model(models, "voices")
    add_transducer(models, "zipformer-tiny", "zipformer", tmp_path_factory.mktemp("zipformer"))
    add_transducer(models, "moonshine-tiny", "streaming", tmp_path_factory.mktemp("moonshine"))
    with serving(models, models.parent / "triton.log") as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_left() -> None:
    """There is no vdx here whose sessions could be left."""


async def say(wire: Wire, model: str, chance: random.Random) -> None:
    async with wire.stream(model) as stream:
        await stream.send({"TEXT": text(chance), "SPEED": SPEED})
        responses = await stream.read_final(MESSAGE_S)
        await stream.finish()
    assert not any(response.error for response in responses), responses[-1].error


def recording(chance: random.Random) -> NDArray[np.int16]:
    """0.1 to 20 s of speech, int16 mono 16 kHz; as many of 0.1 to 1 s as of 2 to 20."""
    samples, _ = soundfile.read(RECORDING, dtype="int16")
    frames = max(5, length(chance, LONGEST))
    return np.resize(samples, frames * 320)


async def judge(wire: Wire, model: str, chance: random.Random) -> None:
    async with wire.stream(model) as stream:
        await stream.send({"AUDIO": recording(chance)})
        answer = await stream.read(MESSAGE_S)
        await stream.finish()
    assert not answer.error


async def hear(wire: Wire, model: str, chance: random.Random) -> None:
    """The answers of the requests of one sequence may overtake each other."""
    audio = recording(chance)
    async with wire.stream(model) as stream:
        pieces = [audio[at : at + 3840] for at in range(0, audio.size, 3840)]
        for number, piece in enumerate([*pieces, np.zeros(0, np.int16)]):
            await stream.send_audio(piece, start=number == 0, end=number == len(pieces))
        answers = [await stream.read_final(MESSAGE_S) for _ in range(len(pieces) + 1)]
        await stream.finish()
    heard = [response for answer in answers for response in answer]
    assert not any(response.error for response in heard)
    assert any(response.outputs and response.outputs["STATE"][0] == FINAL for response in heard)


def asked(model: str) -> Callable[[Wire, str, random.Random], Awaitable[None]]:
    """What a model is asked."""
    return (
        hear if model in RECOGNISERS else judge if model in (*ENDPOINTERS, *SPEAKER_MODELS) else say
    )


def test_no_family_is_left_out() -> None:
    families = {file.parent.name for file in locate().triton_backends.glob("*/model.py")}
    assert families == {*MODELS, *NOT_ASKED}


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS.values())
async def test_a_model_keeps_its_size(
    server: EmbeddedTriton, model: str, repetitions: Repetitions
) -> None:
    ask = asked(model)
    async with Wire(server.grpc_url) as wire:
        await wire.load(model)
        await keeps_its_size(server, model, lambda chance: ask(wire, model, chance), repetitions)
        await wire.unload(model)


# Twenty loads of every family; tests/faults/test_load_unload.py loads and unloads under load.
@pytest.mark.long
@pytest.mark.parametrize("family", sorted(MODELS))
async def test_loads_and_unloads_leave_the_memory_flat(server: EmbeddedTriton, family: str) -> None:
    model = MODELS[family]
    await stays_flat_over_loads(
        server, model, lambda wire: asked(model)(wire, model, random.Random(3))
    )
