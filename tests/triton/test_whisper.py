"""The whisper family in a real Triton, with the trained test model and real speech."""

import asyncio
import json

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.triton.wire import Response, Wire
from tests.unit.backends.speech import SPOKEN, spoken

MODEL = "whisper-micro"
NOTHING = np.zeros(0, np.int16)


async def utter(wire: Wire, model: str, audio: NDArray[np.int16], **inputs: str) -> list[Response]:
    """An utterance in pieces of 60 ms with a FLUSH before its END; what was answered."""
    async with wire.stream(model) as stream:
        for at in range(0, audio.size, 960):
            await stream.send_audio(audio[at : at + 960], start=at == 0, **inputs)
            inputs = {}
        await stream.send_audio(NOTHING, FLUSH=True)
        await stream.send_audio(NOTHING, end=True)
        answers: list[Response] = []
        while not answers or (not answers[-1].error and answers[-1].outputs["STATE"][0] != 2):
            response = await stream.read()
            if response.outputs or response.error:
                answers.append(response)
    return answers


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_sentence_is_heard(wire: Wire, name: str) -> None:
    await wire.load(MODEL)
    answers = await utter(wire, MODEL, spoken(name))
    assert [answer.error for answer in answers] == [""] * len(answers)
    speculative, final = answers[-2].outputs, answers[-1].outputs
    assert speculative["STATE"][0] == 1
    assert final["TEXT"] == speculative["TEXT"] == SPOKEN[name]
    assert final["STABLE"][0] == len(final["TEXT"])
    assert final["CONFIDENCE"][0] > 0.5
    assert final["AUDIO_MS"][0] == spoken(name).size // 16
    words = json.loads(final["WORDS"])
    assert [word["word"] for word in words] == SPOKEN[name].split()
    assert words[-1]["end_ms"] <= final["AUDIO_MS"][0]


async def test_twenty_people_at_once_are_all_understood(wire: Wire) -> None:
    await wire.load(MODEL)
    names = (list(SPOKEN) * 4)[:20]
    answers = await asyncio.gather(*(utter(wire, MODEL, spoken(name)) for name in names))
    assert [a[-1].outputs["TEXT"] for a in answers] == [SPOKEN[name] for name in names]
