"""Treatments, cuts, and what the bench makes of answers."""

import io
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import pytest

from tests.unit.bench.test_recorded import FakeTarget
from vdx.batch.recording import Recording
from vdx.bench import recording_tables as tables
from vdx.bench.clips import clip, recording
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.treatments import Treatment, treatments
from vdx.core.errors import InvalidInput
from vdx.core.validation import validated

PCM = clip("ps_goforward", 16_000).pcm


def sound(raw: bytes) -> np.ndarray:
    """float32 [samples, channels], as the server reads it."""
    with Recording(io.BytesIO(raw), "it") as file:
        pieces = []
        while (piece := file.read()).size:
            pieces.append(piece)
    return np.concatenate(pieces)


def test_every_treatment_makes_a_file_that_is_read_whole() -> None:
    assert len(treatments()) >= 14
    assert len({treatment.name for treatment in treatments()}) == len(treatments())
    for treatment in treatments():
        seconds = len(sound(treatment.apply(PCM))) / 16_000
        wanted = PCM.size / 16_000 * treatment.joined
        assert seconds == pytest.approx(wanted, abs=0.7 if treatment.tight else 0.2)


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({"peak_dbfs": -30}, lambda s: abs(np.abs(s).max() - 0.0316) < 1e-3),
        ({"dc": 0.2}, lambda s: abs(s.mean() - 0.2) < 1e-2),
        ({"hum": 0.3}, lambda s: np.abs(np.fft.rfft(s[:16_000, 0])).argmax() == 50),
        ({"channels": "inverted"}, lambda s: np.array_equal(s[:, 0], -s[:, 1])),
        ({"channels": "one of six"}, lambda s: np.abs(s).max(axis=0).nonzero()[0].tolist() == [3]),
        ({"tight": True}, lambda s: np.abs(s[:160]).max() > 0.005),
        ({"joined": 2}, lambda s: len(s) == 2 * PCM.size),
        ({"unfinished": True}, lambda s: len(s) == PCM.size),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_key_does_what_its_line_says(
    given: dict[str, Any], holds: Callable[[np.ndarray], bool]
) -> None:
    assert holds(sound(Treatment(name="it", **given).apply(PCM)))


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(InvalidInput, match="echo"):
        validated(Treatment, {"name": "it", "echo": 1})


def test_every_cut_lies_in_its_recording() -> None:
    assert len(tables.cuts()) >= 200
    for cut in tables.cuts():
        assert recording(cut.recording).exists()
        assert 300 <= cut.end_ms - cut.start_ms <= 3_000
        assert cut.words in REFERENCE_TRANSCRIPTS[cut.recording]
    for cut in tables.cuts()[::10]:
        assert len(sound(cut.file())) == (cut.end_ms - cut.start_ms) * 16


@pytest.mark.parametrize(
    ("text", "twice"),
    [("ten ten", True), ("a b c a b c", True), ("x a b a b", True), ("a b a", False), ("", False)],
)
def test_what_counts_as_said_twice(text: str, twice: bool) -> None:
    assert tables.doubled(text) is twice


def answering(heard: Callable[[bytes], str]) -> Any:
    class Answer:
        def __init__(self, text: str) -> None:
            self.text = text

    class Fake:
        def __init__(self) -> None:
            self.audio = self.transcriptions = self

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def create(self, **given: Any) -> Answer:
            return Answer(heard(given["file"][1]))

    return lambda _: Fake()


async def test_treatments_are_measured_against_the_recording(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = sorted(treatments(), key=lambda each: -each.joined)[:4]
    answers = iter(["Go forward 10 meters."] + ["go forward ten"] * len(few))
    monkeypatch.setattr(tables, "treatments", lambda: few)
    monkeypatch.setattr(tables, "openai_client", answering(lambda _: next(answers)))
    monkeypatch.setattr(
        tables, "REFERENCE_TRANSCRIPTS", {"ps_goforward": REFERENCE_TRANSCRIPTS["ps_goforward"]}
    )
    report = await tables.measure_treatments(FakeTarget("http://nowhere"), 1)
    clean, *others = report.figures
    assert clean.values == [0.0]
    assert {tuple(figure.values) for figure in others} == {
        (25.0,),
        (62.5,),
    }  # of two, five of eight
    assert len(report.samples) == tables.steps("treatments", 1) == 1 + len(few)


async def test_cuts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = tables.cuts()[:3]
    answers = iter(["", f"{lines[1].words} {lines[1].words}", lines[2].words])
    monkeypatch.setattr(tables, "cuts", lambda: lines)
    monkeypatch.setattr(tables, "openai_client", answering(lambda _: next(answers)))
    report = await tables.measure_cuts(FakeTarget("http://nowhere"), 1)
    empty, twice, _wrong = report.figures
    assert (empty.values, twice.values) == ([1.0], [1.0])
