"""The recordings of known speakers that a request brings with it."""

import base64
import io

import numpy as np
import pytest
import soundfile

from vdx.batch.speaker_model import read_references
from vdx.core.audio import LISTEN_RATE
from vdx.core.errors import InvalidInput


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
