"""The bench of endpointing: its corpora, its rules and its scores, on small ones made by hand."""

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from pyarrow import parquet

from tests.unit.speech.signals import room, vowel
from vdx.bench.endpointing import evidence as asked
from vdx.bench.endpointing import measure, rules, scores
from vdx.bench.endpointing.evidence import Evidence
from vdx.bench.endpointing.listening import listen
from vdx.bench.endpointing.own_corpus import half_of, order_turns, own_parts
from vdx.bench.endpointing.public_layout import METADATA, public_parts
from vdx.bench.endpointing.turns import Silence, Turn
from vdx.core.config import TritonConfig, VadConfig
from vdx.core.errors import InvalidInput, ModelFailed, UnknownName
from vdx.core.events import Transcript, TranscriptKind
from vdx.core.paths import locate

RATE = 16_000
SILENCES = (Silence(1400, 2000, ends_turn=False), Silence(2900, 4900, ends_turn=True))


def speech() -> np.ndarray:
    """Half a second of room, speech, 0.6 s of pause, speech, and two seconds of room."""
    parts = [room(500), vowel(900), room(600), vowel(900), room(2000)]
    return np.concatenate(parts).astype(np.int16)


def row(**changes: Any) -> dict[str, Any]:
    file = io.BytesIO()
    soundfile.write(file, speech(), RATE, format="FLAC")
    spans = [{"start": 1.4, "end": 2.0}, {"start": 2.9, "end": 4.9}]
    return {
        "id": "first",
        "language": "en",
        "audio": {"bytes": file.getvalue(), "path": "first.flac"},
        "silence_spans": spans,
        "words": [{"word": "hello", "start": 0.5, "end": 1.4}],
        **changes,
    }


class KnowingModels:
    """Says the words of a person who is done once the turn is longer than a limit."""

    def __init__(self, done_bytes: int) -> None:
        self._done_bytes = done_bytes

    async def transcript(self, pcm: bytes, language: str) -> tuple[str, float]:
        done = len(pcm) > self._done_bytes
        return ("Turn on the lamp." if done else "Turn on the"), 100.0

    async def probability(self, pcm: bytes) -> tuple[float | None, float]:
        return (0.97 if len(pcm) > self._done_bytes else 0.02), 50.0


def test_what_nothing_follows_is_no_pause_in_an_order(tmp_path: Path) -> None:
    """Whisper's times may say that the last word begins where the person is done."""
    pcm = np.concatenate([room(500), vowel(900), room(100), vowel(900), room(2000)])
    file = tmp_path / "order.flac"
    soundfile.write(file, pcm.astype(np.int16), RATE, format="FLAC")
    words = [("make", 500, 800), ("me", 800, 1400), ("a", 1500, 2300), ("latte", 2600, 3000)]
    turns = list(order_turns(file, words))
    assert [turn.id for turn in turns] == ["order", "order+0"]
    assert turns[1].silences[0].start_ms < 1600


# --- the public layout --------------------------------------------------------------------------


def test_a_folder_in_the_public_layout_is_read(tmp_path: Path) -> None:
    place = tmp_path / "data" / "en"
    place.mkdir(parents=True)
    rows = [row(), row(id="second", language="de")]
    parquet.write_table(pa.Table.from_pylist(rows), place / "validation-00000-of-00001.parquet")
    turns = [turn for part in public_parts(tmp_path, "") for turn in part()]
    assert [(turn.id, turn.language) for turn in turns] == [("first", "en"), ("second", "de")]
    np.testing.assert_allclose(turns[0].pcm, speech(), atol=1)
    assert turns[0].silences == SILENCES
    (part,) = public_parts(tmp_path, "de")
    assert [turn.id for turn in part()] == ["second"]


def test_the_same_rows_may_lie_in_lines_of_json(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "first.wav", speech(), RATE)
    plain = {k: v for k, v in row(file_name="first.wav").items() if k != "audio"}
    (tmp_path / METADATA).write_text(json.dumps(plain) + "\n")
    (part,) = public_parts(tmp_path, "")
    assert [turn.id for turn in part()] == ["first"]
    (tmp_path / METADATA).write_text(json.dumps({**plain, "file_name": "../first.wav"}) + "\n")
    with pytest.raises(InvalidInput, match="there is no file"):
        list(public_parts(tmp_path, "")[0]())


@pytest.mark.parametrize("changes", [{"silence_spans": []}, {"language": ""}, {"id": None}])
def test_a_row_that_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any]) -> None:
    soundfile.write(tmp_path / "first.wav", speech(), RATE)
    wrong = {k: v for k, v in row(file_name="first.wav", **changes).items() if k != "audio"}
    (tmp_path / METADATA).write_text(json.dumps(wrong) + "\n")
    with pytest.raises(InvalidInput, match=f"row 1: {next(iter(changes))}"):
        list(public_parts(tmp_path, "")[0]())


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no parquet file and no metadata\.jsonl"):
        public_parts(tmp_path, "")


# --- the own corpus -----------------------------------------------------------------------------


def test_the_halves_share_no_recording_and_no_person() -> None:
    folder = locate().data / "benchmarks" / "data"
    names = {}
    for half in ("tuning", "held-back"):
        parts = own_parts(folder, half)
        names[half] = {turn.recording for part in parts[-14:] for turn in part()}
    assert names["tuning"]
    assert not names["tuning"] & names["held-back"]
    words = json.loads((folder / "orders" / "words.json").read_text())
    held_back = sum(half_of(name) == "held-back" for name in words)
    assert 0.4 < held_back / len(words) < 0.6


def test_an_order_has_its_end_once_and_a_pause_in_each_copy() -> None:
    turns = list(own_parts(locate().data / "benchmarks" / "data", "held-back")[0]())
    whole, *paused = turns
    assert [silence.ends_turn for silence in whole.silences] == [True]
    assert 1 <= len(paused) <= 6
    for turn in paused:
        (silence,) = turn.silences
        assert not silence.ends_turn
        assert silence.end_ms - silence.start_ms in (400, 600, 800, 1000, 1200)
        inside = turn.pcm[int(silence.start_ms * 16) : int(silence.end_ms * 16)]
        assert np.abs(inside).mean() < np.abs(whole.pcm).mean()


# --- what the detector finds, and scores --------------------------------------------------------


def turn() -> Turn:
    return Turn("t", "r", speech(), SILENCES)


async def heard(done_bytes: int) -> list[Evidence]:
    found = asked.gather([turn()], VadConfig(), KnowingModels(done_bytes))
    return [each async for each in found]


def test_the_detector_finds_the_pauses() -> None:
    first, second = listen(turn(), VadConfig())
    assert first.silence == turn().silences[0]
    assert first.noticed_ms - first.speech_end_ms == 60
    assert first.resumed_ms is not None
    assert second.resumed_ms is None
    assert second.heard.size > first.heard.size
    assert first.rest_ms == 900


async def test_the_decision_cuts_nothing_where_the_models_are_right() -> None:
    found = scores.Heard.of(await heard(done_bytes=60_000))
    as_it_comes = next(rules.everything(300, punctuates=True))
    good = scores.outcome(found, as_it_comes)
    assert (good.cut_rate, good.mean_wait < 250) == (0.0, True)
    (silence,) = (rule for rule in rules.silence_alone() if rule.setting == "300 ms")
    fixed = scores.outcome(found, silence)
    assert (fixed.cut_rate, fixed.mended.tolist()) == (1.0, [True])


class SlowPartials:
    """A recogniser that makes a partial transcript of what comes at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._answers: asyncio.Queue[Transcript] = asyncio.Queue()

    @contextlib.asynccontextmanager
    async def recognise(self, model: str, *, language: str) -> AsyncIterator["SlowPartials"]:
        yield self

    async def send(self, pcm: bytes, *, flush: bool = False) -> None:
        self.asked.append("pause" if flush else f"{len(pcm)} bytes")
        kind = TranscriptKind.PAUSE if flush else TranscriptKind.PARTIAL
        self._answers.put_nowait(Transcript(0, "Turn on the lamp.", 0, 0, kind))

    async def __aiter__(self) -> AsyncGenerator[Transcript]:
        while True:
            answer = await self._answers.get()
            self.asked.append(f"read {answer.kind.name}")
            yield answer


async def test_a_pause_is_asked_about_once_the_words_before_it_are_there() -> None:
    client = SlowPartials()
    models = asked.TritonModels(client, "whisper", "")  # type: ignore[arg-type]  # a fake
    text, took_ms = await models.transcript(bytes(asked.FRAME_BYTES * 50), "en")
    assert (text, took_ms > 0) == ("Turn on the lamp.", True)
    first = f"{asked.FRAME_BYTES * 47} bytes"
    assert client.asked == [first, "read PARTIAL", "pause", "read PAUSE"]


async def test_what_comes_late_does_not_count() -> None:
    (first, _) = await heard(done_bytes=60_000)
    late = Evidence(**{**{k: getattr(first, k) for k in first.__slots__}, "heard_after_ms": 251.0})
    assert rules.heard_at(late) == np.inf
    assert rules.heard_at(first) == 110.0


async def test_the_report_has_operating_points_and_intervals(tmp_path: Path) -> None:
    kept = tmp_path / "evidence.jsonl"
    asked.write(kept, await heard(done_bytes=60_000))
    found = asked.read(kept)
    assert found == await heard(done_bytes=60_000)
    picture = tmp_path / "curves.png"
    plan = measure.Plan(tmp_path, "tuning", "", "canned", "turn-level", curves=picture)
    report = await measure.score_again(plan, kept, lambda: None)
    names = [figure.name for figure in report.figures]
    for rule in ("silence alone", "words alone", "endpointer alone", "all"):
        for point in ("cuts at 300 ms", "cuts at 600 ms", "wait at 5% cuts", "wait at 10% cuts"):
            assert f"{rule}: {point}" in names
    assert any("95 %" in note for note in report.notes)
    assert not report.missed(), "the goals are those of the own corpus"
    assert picture.stat().st_size > 1000


class LoadingClient(contextlib.AbstractAsyncContextManager["LoadingClient"]):
    """A client of Triton that finds every model."""

    def __init__(self, _: TritonConfig) -> None:
        pass

    async def __aexit__(self, *_: object) -> None:
        pass

    async def load(self, name: str) -> None:
        pass

    async def describe(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(can=lambda _: True)


async def test_what_was_found_before_a_failure_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "evidence.jsonl"
    monkeypatch.setattr(measure, "TritonClient", LoadingClient)
    models = KnowingModels(done_bytes=60_000)
    monkeypatch.setattr(measure, "TritonModels", lambda *_: models)

    def whole() -> list[Turn]:
        return [Turn("first", "first", speech(), SILENCES)]

    def broken() -> list[Turn]:
        raise ModelFailed("gone")

    plan = measure.Plan(tmp_path, "tuning", "", "canned", "", kept)
    with pytest.raises(ModelFailed):
        await measure.measure(TritonConfig(), plan, [whole, broken], lambda: None)
    assert [each.turn for each in asked.read(kept)] == ["first"] * 2


def test_an_undetected_end_is_waited_out_and_an_undetected_pause_is_not_cut() -> None:
    quiet = Turn("q", "r", np.zeros(RATE * 3, np.int16), turn().silences)
    missed = [asked._undetected(quiet, silence) for silence in quiet.silences]
    (rule,) = (rule for rule in rules.silence_alone() if rule.setting == "100 ms")
    found = scores.outcome(scores.Heard.of(missed), rule)
    assert found.cut_rate == 0.0
    assert found.mean_wait >= 2000


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "No such file"), ("{", "line 1: Expecting"), ('{"turn": "t"}', "line 1: .*recording")],
    ids=["none", "no JSON", "something else"],
)
async def test_a_file_that_holds_no_evidence_is_named(
    tmp_path: Path, text: str | None, told: str
) -> None:
    file, plan = tmp_path / "kept.jsonl", measure.Plan(tmp_path, "tuning", "", "canned", "")
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInput, match=told):
        await measure.score_again(plan, file, lambda: None)


def test_the_goals_are_those_of_the_held_back_half() -> None:
    """All against the endpointer alone, on the same pauses and with an interval."""
    evidence = [
        Evidence(
            *(f"{number} {ends}", f"{number % 4}", "en", ends, 1000.0, 5000.0 if ends else 1800.0),
            *(1000.0, 1060.0, None if ends else 1800.0, 2500, 900.0),
            "a dark roast coffee." if ends else "I would like a",
            *(100.0, 0.9 if ends or number % 2 else 0.2, 60.0),
        )
        for number in range(16)
        for ends in (False, True)
    ]
    plan = measure.Plan(None, "held-back", "", "canned", "turn-level")
    report = measure.score(evidence, plan, punctuates=True)
    reached = {
        row["name"]: row["reached"] for row in report.as_dict()["figures"] if "reached" in row
    }
    assert reached == {
        "all: cuts at 300 ms": True,
        "all: cuts at 600 ms": True,
        "cuts at 300 ms, of those of the endpointer alone": True,
        "cuts at 600 ms, of those of the endpointer alone": True,
    }
    (note,) = (note for note in report.notes if note.startswith("cuts at 300 ms, of those"))
    assert note.endswith("95 %: 0% to 0%")
