"""The recordings of known speakers that a request brings with it."""

import base64
import io
from typing import cast

import numpy as np
import pytest
import soundfile

from vdx.batch import speaker_model
from vdx.batch.speaker_model import embed, read_references
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import InvalidInput, ModelBusy
from vdx.serving.response_decoding import Vector
from vdx.serving.triton import TritonClient


def url(seconds: float, level: float = 0.1, head: str = "data:audio/wav;base64") -> str:
    noise = np.random.default_rng(1).uniform(-level, level, round(seconds * LISTEN_RATE))
    file = io.BytesIO()
    soundfile.write(file, noise, LISTEN_RATE, format="WAV")
    return f"{head},{base64.b64encode(file.getvalue()).decode()}"


def test_each_becomes_audio_for_the_speaker_model() -> None:
    found = read_references([url(0.5), url(30)], "voices")
    assert [each.size / LISTEN_RATE for each in found] == pytest.approx([0.5, 30], abs=0.01)
    assert [int(np.abs(each).max()) for each in found] == pytest.approx([3276, 3276], rel=0.01)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (url(3, level=0.0), r"voices\[1\] is silent"),
        (url(0.3), r"voices\[1\] must be 0\.5 to 30 s long, not 0\.3 s"),
        (url(32), "s long, not more"),
        ("data:audio/wav;base64,?", r"voices\[1\] is not base64"),
        ("data:audio/wav;base64,bm90aGluZw==", r"cannot read voices\[1\]"),
        ("https://example.org/anna.wav", "is no data URL"),
        ("file:///etc/passwd", "is no data URL"),
    ],
    ids=["silent", "short", "long", "letters", "text", "web", "file"],
)
def test_a_bad_one_is_named(given: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_references([url(1), given], "voices")


class Busy:
    """A Triton whose model has no place for the first two requests."""

    def __init__(self) -> None:
        self.asked = 0

    async def embed(self, model: str, pcm: bytes, wait_ms: int) -> Vector:
        del pcm, wait_ms
        self.asked += 1
        if self.asked < 3:
            raise ModelBusy("no place", model=model)
        return np.ones(1, np.float32)


async def test_a_busy_model_is_asked_until_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker_model, "BUSY_S", 0.001)
    client = Busy()
    found = await embed(cast(TritonClient, client), "speakers", np.zeros(16_000, np.int16))
    assert found.tolist() == [1.0]
    assert client.asked == 3
