"""Random and malformed tensors get an answer, and the model lives on."""

import random

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.repetitions import bound
from tests.triton import repository as repo
from tests.triton.wire import Value, Wire

TTS_INPUTS = ["TEXT", "SPEAKER", "LANGUAGE", "SPEED", "REFERENCE_AUDIO", "REFERENCE_TEXT"]
ASR_INPUTS = ["LANGUAGE", "SESSION", "FLUSH", "CANCEL"]


def random_value(dice: random.Random, name: str) -> Value:
    """Mostly of the type the model wants, seldom a sensible one."""
    if name == "SPEED":
        return dice.choice([0.0, -1.0, 1e30, float("inf"), float("nan"), 0.5, 2.0])
    if name == "REFERENCE_AUDIO":
        return np.zeros(dice.choice([0, 1, 24000]), np.int16)
    if name in {"FLUSH", "CANCEL"}:
        return dice.random() < 0.5
    length = dice.choice([0, 1, 3, 40, 250])
    if dice.random() < 0.3:
        return dice.randbytes(length)
    return "".join(chr(dice.choice([9, 65, 228, 1234, 0x3042, 0x1F600])) for _ in range(length))


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
async def test_random_speech_requests_are_answered(wire: Wire, model: str) -> None:
    await wire.load(model)
    dice = random.Random(7)
    for _ in range(bound(60, 20)):
        names = ["TEXT", *(name for name in TTS_INPUTS[1:] if dice.random() < 0.3)]
        async with wire.stream(model) as stream:
            await stream.send({name: random_value(dice, name) for name in names})
            last = (await stream.read_final())[-1]
        assert last.error == "" or last.error.startswith("[invalid_argument]")
    assert (await wire.speak(model, "still here"))[-1].error == ""


@pytest.mark.parametrize("model", repo.models_of_kind("asr"))
async def test_random_utterances_are_answered(wire: Wire, model: str) -> None:
    await wire.load(model)
    dice = random.Random(7)
    noise = np.random.default_rng(7)
    for _ in range(bound(30, 10)):
        async with wire.stream(model) as stream:
            for number in range(4):
                size = dice.choice([0, 1, 319, 320, 960, 4800])
                audio = noise.integers(-32768, 32767, size, np.int16)
                names = [name for name in ASR_INPUTS if dice.random() < 0.2]
                inputs = {name: random_value(dice, name) for name in names}
                await stream.send_audio(audio, start=number == 0, **inputs)
            await stream.send_audio(np.zeros(0, np.int16), end=True)
            responses = [await stream.read()]
            while not ended(responses[-1].outputs) and not responses[-1].error:
                responses.append(await stream.read())
        assert "[internal]" not in responses[-1].error
    async with wire.stream(model) as stream:
        await stream.send_audio(np.zeros(320, np.int16), start=True, end=True)
        assert (await stream.read_state(2)).error == ""


def ended(outputs: dict[str, NDArray[np.uint8]]) -> bool:
    return bool(outputs) and outputs["STATE"][0] == 2


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"SPEAKER": "nobody"},
        {"TEXT": np.zeros(3, np.int16)},
        {"TEXT": np.array([b"a", b"b"], np.object_)},
        {"TEXT": "a", "SPEED": np.zeros((2, 2), np.float32)},
        {"TEXT": "a", "UNKNOWN": "x"},
    ],
)
async def test_malformed_requests_fail_alone(wire: Wire, inputs: dict[str, Value]) -> None:
    await wire.load("tone")
    async with wire.stream("tone") as stream:
        await stream.send(inputs)
        assert (await stream.read()).error
    assert (await wire.speak("tone", "still here"))[-1].error == ""
