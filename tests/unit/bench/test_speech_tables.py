"""The tables of `vdx bench speech`: texts as they are heard, and texts that are long."""

import http.client
import json
from typing import Any, Self

import pytest

from tests.unit.bench.test_recorded import FakeTarget
from vdx.bench import long_texts, spoken_texts
from vdx.bench.spoken_texts import in_words, nearest


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "It's $5.50 at 3:45 PM.",
            "it's five dollars and fifty cents at three forty five pm",
        ),
        ("Open at 930 or 6.15 AM", "open at nine thirty or six fifteen am"),
        ("At 345 p.m. it is", "at three forty five pm it is"),
        ("The U.S. team", "the us team"),
        ("the U S team", "the us team"),
    ],
)
def test_both_sides_are_brought_to_words(written: str, said: str) -> None:
    assert in_words(written) == said


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("call one seven zero", "Call 170"),
        ("there are one hundred seventy", "There are 170."),
    ],
)
def test_a_number_is_read_as_it_was_said(said: str, heard: str) -> None:
    assert nearest(said, heard) == said


def test_what_is_not_said_stays_wrong() -> None:
    assert nearest("call one seven zero", "Call 171") == "call one seven one"


def test_the_first_hundred_english_lines_are_spoken() -> None:
    assert len(spoken_texts.english()) == spoken_texts.ENGLISH
    assert {each.language for each in spoken_texts.english()} == {"en"}


async def test_texts_are_spoken_and_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three texts one word is misheard, and one text of the table is said otherwise."""
    lines = spoken_texts.english()[:3]
    odd = lines[0]._replace(spoken="something else")
    monkeypatch.setattr(spoken_texts, "table", lambda: [*lines, odd])
    monkeypatch.setattr(spoken_texts, "english", lambda: lines)
    answers = iter([lines[0].spoken, lines[1].spoken, lines[2].spoken.replace("three", "free")])

    class Answer:
        def __init__(self, text: str) -> None:
            self.text, self.content = text, b""

    class Fake:
        def __init__(self) -> None:
            self.audio = self.speech = self.transcriptions = self

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def create(self, **given: Any) -> Answer:
            return Answer("" if "input" in given else next(answers))

    monkeypatch.setattr(spoken_texts, "openai_client", lambda _: Fake())
    steps = list[None]()
    report = await spoken_texts.measure(FakeTarget("http://nowhere"), lambda: steps.append(None))
    otherwise, wrong, whole = (figure.values for figure in report.figures)
    words = sum(len(in_words(line.spoken).split()) for line in lines)
    assert (otherwise, wrong, whole) == ([1], [round(100 / words, 1)], [2])
    assert len(steps) == len(report.samples) == len(lines)


def test_long_texts_are_long_and_each_is_another() -> None:
    texts = long_texts.long_texts()
    assert {len(text) for text in texts.values()} == {long_texts.LENGTH}
    assert len(set(texts.values())) == len(texts)
    assert any(len(text.split()) == 1 for text in texts.values())


async def test_a_long_text_that_fails_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is refused, one breaks off, one is silent; the others have a second of sound."""
    texts = long_texts.long_texts()
    refused, broken, silent, *_ = texts.values()

    class Response:
        def __init__(self, text: str) -> None:
            self.status = 400 if text == refused else 200
            self.text, self.given = text, False

        def read(self, size: int = -1) -> bytes:
            if self.text == refused:
                return b"no"
            if self.text == broken and self.given:
                raise http.client.IncompleteRead(b"")
            self.given = True
            if self.text == silent:
                return b""
            return b"a" if size == 1 else b"a" * (2 * long_texts.PCM_RATE - 1)

    class Connection:
        def __init__(self, *_: object, **__: object) -> None: ...

        def request(self, _method: str, _path: str, body: str, _headers: dict[str, str]) -> None:
            self.text = json.loads(body)["input"]

        def getresponse(self) -> Response:
            return Response(self.text)

        def close(self) -> None: ...

    monkeypatch.setattr(long_texts.http.client, "HTTPConnection", Connection)
    report = await long_texts.measure(FakeTarget("http://nowhere"), "")
    first, failed = report.figures
    assert report.options["voice"] == "tone"
    assert failed.values == [3]
    assert len(first.values) == len(texts) - 3
    assert [sample["error"][:14] for sample in report.samples[:4]] == [
        "no",
        "IncompleteRead",
        "no sound",
        "",
    ]
    assert report.samples[3]["seconds"] == 1.0
