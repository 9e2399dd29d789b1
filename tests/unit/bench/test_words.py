"""What counts as the same words, and what the bench makes of an answer."""

from typing import Any, Self

import pytest

from tests.unit.bench.test_recorded import FakeTarget
from vdx.bench import words
from vdx.bench.clips import recording
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Go forward 10 meters.", "go forward ten meters"),
        ("2, 9, 3, 4, 0", "two nine three four zero"),
        ("29340", "two nine three four zero"),
        ("At 6:25, Mr. Dashwood", "at six twenty five mister dashwood"),
        ("he wasn\N{RIGHT SINGLE QUOTATION MARK}t ill-disposed", "he wasn't ill disposed"),
        ("1,250 people", "one two five zero people"),
        ("...", ""),
    ],
)
def test_numbers_and_signs_do_not_count(written: str, said: str) -> None:
    assert words.normalised(written) == said


def test_every_recording_and_fifty_replies_are_there() -> None:
    assert all(recording(name).exists() for name in REFERENCE_TRANSCRIPTS)
    assert len(set(words.replies())) == 50


async def test_wrong_words_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of eleven recordings one word is misheard, of fifty replies every word understood."""

    class Answer:
        def __init__(self, text: str = "") -> None:
            self.text, self.content = text, text

    class Fake:
        """The library's client: what it speaks is the text, what it hears what is said."""

        def __init__(self) -> None:
            self.audio = self.speech = self.transcriptions = self

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def create(self, **given: Any) -> Answer:
            if "input" in given:
                return Answer(given["input"])
            sound = given["file"][1]
            known = {
                recording(name).read_bytes(): text for name, text in REFERENCE_TRANSCRIPTS.items()
            }
            return Answer(known.get(sound, sound).replace("meters", "metres"))

    monkeypatch.setattr(words, "openai_client", lambda _: Fake())
    report = await words.measure(FakeTarget("http://nowhere"))
    heard, spoken = report.figures
    said = sum(len(text.split()) for text in REFERENCE_TRANSCRIPTS.values())
    assert heard.values == [round(100 / said, 1)]
    assert spoken.values == [0.0]
    assert len(report.samples) == 61
