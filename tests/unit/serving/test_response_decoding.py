"""Inference responses as events, and answers that break the contract."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vdx.core.errors import ModelFailed
from vdx.core.events import TranscriptKind, Word
from vdx.serving.response_decoding import embedding, speech_chunk, transcript


def text(value: str) -> bytes:
    raw = value.encode()
    return len(raw).to_bytes(4, "little") + raw


@dataclass
class Answer:
    """What Triton's response offers of names and raw bytes; `id` is that of the request."""

    tensors: dict[str, bytes]
    id: str = ""
    raw_output_contents: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.raw_output_contents = list(self.tensors.values())

    @property
    def outputs(self) -> list[Any]:
        return [SimpleNamespace(name=name) for name in self.tensors]


SPEECH = {
    "AUDIO": np.arange(1920, dtype="<i2").tobytes(),
    "WORDS": text('[{"word":"ä","start_ms":0,"end_ms":40,"char_start":0,"char_end":1}]'),
}
HEARD = {
    "TEXT": text("grüß dich"),
    "STABLE": (4).to_bytes(4, "little"),
    "AUDIO_MS": (1200).to_bytes(4, "little"),
    "STATE": b"\2",
    "CONFIDENCE": np.float32(0.5).tobytes(),
    "WORDS": text("[]"),
}


def test_speech() -> None:
    chunk = speech_chunk(Answer(SPEECH), "tone")
    assert chunk.audio.shape == (2, 960)
    assert chunk.audio.dtype == np.int16
    assert chunk.audio[1, 0] == 960
    assert chunk.words == (Word("ä", 0, 40, 0, 1),)


def test_a_transcript() -> None:
    heard = transcript(Answer(HEARD), "canned")
    assert (heard.text, heard.stable, heard.audio_ms) == ("grüß dich", 4, 1200)
    assert (heard.kind, heard.confidence, heard.words) == (TranscriptKind.FINAL, 0.5, ())
    assert heard.flush == 0


def test_a_transcript_tells_which_flush_it_answers() -> None:
    assert transcript(Answer(HEARD, id="7"), "canned").flush == 7


@pytest.mark.parametrize(
    ("words", "marks", "done"),
    [
        ("[]", "[]", False),
        ('[{"word":"a","start_ms":0,"end_ms":400}]', '[{"kind":"end","at_ms":480}]', True),
        ('[{"word":"a","start_ms":0,"end_ms":480}]', '[{"kind":"backchannel","at_ms":480}]', True),
        ('[{"word":"a","start_ms":0,"end_ms":560}]', '[{"kind":"end","at_ms":480}]', False),
    ],
)
def test_the_person_is_done_where_no_word_follows_the_mark(
    words: str, marks: str, done: bool
) -> None:
    told = transcript(Answer(HEARD | {"WORDS": text(words), "MARKS": text(marks)}), "parakeet")
    assert told.done is done
    assert [mark.at_ms for mark in told.marks] == [480] * ("480" in marks)


def test_the_language_that_was_detected() -> None:
    told = HEARD | {
        "LANGUAGE": text("de"),
        "LANGUAGE_PROBABILITY": np.float32(0.75).tobytes(),
    }
    heard = transcript(Answer(told), "whisper")
    assert (heard.language, heard.language_probability) == ("de", 0.75)
    nan = told | {"LANGUAGE_PROBABILITY": np.float32(np.nan).tobytes()}
    with pytest.raises(ModelFailed, match="odd breaks its contract"):
        transcript(Answer(nan), "odd")


def test_a_voice_is_a_vector() -> None:
    vector = np.array([0.6, 0.8], "<f4")
    np.testing.assert_array_equal(embedding(Answer({"EMBEDDING": vector.tobytes()}), "v"), vector)
    for wrong in (b"", np.array([np.inf], "<f4").tobytes()):
        with pytest.raises(ModelFailed, match="odd breaks its contract"):
            embedding(Answer({"EMBEDDING": wrong}), "odd")


def test_marks_that_break_the_contract() -> None:
    with pytest.raises(ModelFailed, match="odd breaks its contract"):
        transcript(Answer(HEARD | {"MARKS": text('[{"at":1}]')}), "odd")


@pytest.mark.parametrize(
    "wrong",
    [
        {"AUDIO": b"\0" * 100},
        {"AUDIO": b"\0" * 1921},
        {"WORDS": text("{")},
        {"WORDS": text('[{"wort":"x"}]')},
        {"WORDS": b"\1\0\0\0\xff"},
    ],
)
def test_speech_that_breaks_the_contract(wrong: dict[str, bytes]) -> None:
    with pytest.raises(ModelFailed, match="odd breaks its contract") as told:
        speech_chunk(Answer(SPEECH | wrong), "odd")
    assert told.value.model == "odd"


@pytest.mark.parametrize(
    "wrong", [{"STATE": b"\7"}, {"STATE": b""}, {"CONFIDENCE": b"\0"}, {"TEXT": b"\1\0\0\0\xff"}]
)
def test_a_transcript_that_breaks_the_contract(wrong: dict[str, bytes]) -> None:
    with pytest.raises(ModelFailed, match="odd breaks its contract"):
        transcript(Answer(HEARD | wrong), "odd")


@pytest.mark.parametrize("missing", sorted(HEARD))
def test_a_transcript_that_lacks_something(missing: str) -> None:
    with pytest.raises(ModelFailed, match=missing):
        transcript(Answer({k: v for k, v in HEARD.items() if k != missing}), "odd")
