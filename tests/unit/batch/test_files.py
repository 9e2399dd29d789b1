"""Whole texts and whole recordings, against a client in memory."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from tests.unit.dialog.fakes import FakeRecognition, Heard, utter
from tests.unit.virtual_time import on_virtual_time
from vdx.batch.cutting import Stretch
from vdx.batch.files import (
    Segment,
    TranscriptionOptions,
    _in_order,
    in_text,
    speak_text,
    transcribe,
)
from vdx.batch.recording import Recording
from vdx.core.config import ClauseConfig, TritonConfig, VadConfig
from vdx.core.errors import InvalidInput, ModelBusy, ModelFailed, ModelTimeout
from vdx.core.events import SpeechChunk, Word
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest
from vdx.speech.output.tts import Voice

AUDIO = Path(__file__).parents[2] / "data" / "audio"
VOICE = Voice("anna", "en", "bright", 1.5)


class FakeClient:
    """Speaks noise, and hears what a script says."""

    config = TritonConfig()
    batch = 1

    def __init__(self, *heard: Heard) -> None:
        self.requests: list[tuple[str, SynthesisRequest]] = []
        self.streams: list[FakeRecognition] = []
        self.open = 0
        self.speakers: set[str] = set()
        self._heard = iter(heard)

    async def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]:
        self.requests.append((model, request))
        self.open += 1
        try:
            rows = utter(model, request.text)
            for start in range(0, len(rows), 10):
                yield SpeechChunk(rows[start : start + 10])
        finally:
            self.open -= 1

    async def describe(self, model: str) -> ModelInfo:
        return ModelInfo(model, "asr", "canned", ("en",), 16_000, batch=self.batch)

    def recognise(self, model: str, *, language: str = "", session: str = "") -> FakeRecognition:
        self.speakers.add(session)
        self.streams.append(FakeRecognition(next(self._heard), f"{model}/{language}"))
        return self.streams[-1]


def quiet(ms: int) -> np.ndarray:
    return np.random.default_rng(1).integers(-15, 15, ms * 16).astype(np.int16)


def recorded(name: str) -> np.ndarray:
    with wave.open(str(AUDIO / name)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


# --- speaking -----------------------------------------------------------------------------------


async def test_a_text_is_spoken_clause_by_clause() -> None:
    client = FakeClient()
    text = "Hello there. " + "This is a sentence like many others. " * 10
    pieces = [p async for p in speak_text(cast(Any, client), VOICE, text, ClauseConfig())]
    asked = [request for _, request in client.requests]
    assert len(asked) > 3
    assert " ".join(r.text for r in asked).split() == text.split()
    assert {(r.language, r.speaker, r.speed) for r in asked} == {("en", "bright", 1.5)}
    expected = np.concatenate([utter("anna", r.text).reshape(-1) for r in asked])
    assert np.array_equal(np.concatenate(pieces), expected)


@pytest.mark.parametrize(
    ("family", "said"),
    [("piper", "Ask [[win]] about engine x."), ("tone", "Ask Nguyen about engine x.")],
)
async def test_words_are_spoken_as_they_are_said_to_be(family: str, said: str) -> None:
    class Client(FakeClient):
        async def describe(self, model: str) -> ModelInfo:
            return ModelInfo(model, "tts", family, ("en",), 48_000)

    client, words = Client(), {"nginx": "engine x", "Nguyen": "/win/"}
    text = "Ask Nguyen about nginx."
    spoken = speak_text(cast(Any, client), VOICE, text, ClauseConfig(), pronunciation=words)
    assert [p async for p in spoken]
    assert [request.text for _, request in client.requests] == [said]


@pytest.mark.parametrize(
    ("sounds", "said"), [((), "Oh well."), (("[laughter]",), "Oh [laughter] well.")]
)
async def test_only_a_voice_that_makes_a_sound_is_given_its_tag(
    sounds: tuple[str, ...], said: str
) -> None:
    class Client(FakeClient):
        async def describe(self, model: str) -> ModelInfo:
            return ModelInfo(model, "tts", "x", ("en",), 24_000, sounds=frozenset(sounds))

    client = Client()
    spoken = speak_text(cast(Any, client), VOICE, "Oh [laughs] well.", ClauseConfig())
    assert [p async for p in spoken]
    assert [request.text for _, request in client.requests] == [said]


async def test_every_clause_moves_the_progress() -> None:
    text = "Hello there. " + "This is a sentence like many others. " * 10
    told = list[tuple[float, float]]()

    def progress(done: float, total: float) -> None:
        told.append((done, total))

    client = FakeClient()
    spoken = speak_text(cast(Any, client), VOICE, text, ClauseConfig(), progress=progress)
    assert [p async for p in spoken]
    assert [done for done, _ in told] == sorted({done for done, _ in told})  # each is further on
    assert len(told) == len(client.requests) + 1
    assert told[-1] == (len(text), len(text))


async def test_a_listener_who_leaves_stops_the_voice() -> None:
    client = FakeClient()
    speech = speak_text(cast(Any, client), VOICE, "One sentence. And another one.", ClauseConfig())
    assert (await anext(speech)).size
    await speech.aclose()
    assert (client.open, len(client.requests)) == (0, 1)


@pytest.mark.parametrize("text", ["", " \n\t", "🎉", "\x00\x01"])
async def test_nothing_to_speak_is_said(text: str) -> None:
    client = FakeClient()
    with pytest.raises(InvalidInput, match="nothing to speak in"):
        await anext(speak_text(cast(Any, client), VOICE, text, ClauseConfig()))
    assert client.requests == []


# --- writing down -------------------------------------------------------------------------------


def conversation(*pauses_ms: int) -> np.ndarray:
    """The same sentence, each time after so much silence."""
    speech = recorded("ps_goforward.wav")
    return np.concatenate([part for ms in pauses_ms for part in (quiet(ms), speech)] + [quiet(900)])


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The virtual clock would jump while a thread reads."""

    async def at_once(work: Any, *arguments: Any) -> Any:
        return work(*arguments)

    monkeypatch.setattr("vdx.batch.stretches.in_thread", at_once)


def written(client: FakeClient, pcm: np.ndarray, **options: Any) -> list[Segment]:
    file = io.BytesIO()
    soundfile.write(file, pcm, 16_000, format="WAV")
    file.seek(0)

    segments: list[Segment] = []

    @on_virtual_time
    async def run() -> None:
        with Recording(file, "test") as recording:
            found = transcribe(cast(Any, client), "ps", recording, VadConfig(), **options)
            segments.extend([segment async for segment in found])

    run()
    return segments


def test_every_stretch_is_a_segment_with_its_times() -> None:
    words = (Word("one", 300, 500),)
    client = FakeClient(Heard("one ", words=words), Heard("two"))
    segments = written(client, conversation(1500, 2000), options=TranscriptionOptions("en"))
    assert [segment.text for segment in segments] == ["one", "two"]
    first, second = segments
    assert 1100 < first.start_ms < 2400
    assert first.end_ms <= second.start_ms
    assert first.words == (Word("one", first.start_ms + 300, first.start_ms + 500, 0, 3),)
    assert [stream.recogniser for stream in client.streams] == ["ps/en", "ps/en"]
    assert all(len(stream.received) % 640 == 0 for stream in client.streams)
    assert all(stream.closed for stream in client.streams)
    assert len(client.speakers) == 1
    assert client.speakers != {""}
    assert [what for _, what in client.streams[1].sends].count("end") == 1


def test_stretches_in_flight_come_in_order() -> None:
    client = FakeClient(Heard("one", delay_s=5), Heard("two"), Heard("three"))
    heard: list[tuple[float, float]] = []
    segments = written(
        client,
        conversation(2000, 2000, 2000),
        at_once=3,
        progress=lambda done, total: heard.append((done, total)),
    )
    assert [segment.text for segment in segments] == ["one", "two", "three"]
    assert heard == sorted(heard)
    assert heard[-1][0] == heard[-1][1]


def test_what_is_not_understood_is_left_out() -> None:
    assert written(FakeClient(Heard("  ")), conversation(900)) == []
    assert written(FakeClient(), np.zeros(16_000, np.int16)) == []


def test_a_busy_recogniser_is_asked_again() -> None:
    busy = Heard(error=ModelBusy("all are taken", model="ps"))
    client = FakeClient(busy, busy, Heard("at last"))
    assert [segment.text for segment in written(client, conversation(900))] == ["at last"]


def test_a_recogniser_that_hangs_times_out() -> None:
    with pytest.raises(ModelTimeout, match=r"ps took over \d+ s"):
        written(FakeClient(Heard(hangs=True)), conversation(900))


@pytest.mark.parametrize(
    ("text", "words", "places"),
    [
        ("Go on, go on.", ("Go", "on,", "go", "on."), [(0, 2), (3, 6), (7, 9), (10, 13)]),
        ("12 apples", ("twelve", " apples"), [(0, 0), (3, 9)]),
        ("größer ja", ("größer", "ja"), [(0, 6), (7, 9)]),
        ("", (), []),
    ],
)
def test_words_have_their_place_in_the_text(
    text: str, words: tuple[str, ...], places: list[tuple[int, int]]
) -> None:
    found = in_text([Word(word, 0, 0) for word in words], text)
    assert [(word.char_start, word.char_end) for word in found] == places


def test_a_recogniser_that_ends_without_words_failed() -> None:
    with pytest.raises(ModelFailed, match="without a final transcript"):
        written(FakeClient(Heard(silent_end=True)), conversation(900))


def test_an_error_of_the_recogniser_ends_what_is_in_flight() -> None:
    broken = Heard(error=ModelFailed("broken", model="ps"))
    client = FakeClient(broken, Heard(hangs=True))
    with pytest.raises(ModelFailed, match="broken"):
        written(client, conversation(900, 900))
    assert all(stream.closed for stream in client.streams)


async def stretches_then(last: Any, *starts: int) -> AsyncGenerator[Stretch, None]:
    for start in starts:
        yield Stretch(start, np.zeros(320, np.int16))
    await last()


async def text_of(stretch: Stretch) -> Segment:
    return Segment(stretch.start, stretch.start + 20, str(stretch.start))


async def test_a_segment_is_told_before_the_next_stretch_is_found() -> None:
    silence = asyncio.Event()
    async with aclosing(_in_order(stretches_then(silence.wait, 1, 2), text_of, 2)) as segments:
        assert [(await anext(segments)).text for _ in range(2)] == ["1", "2"]
        silence.set()
        assert await anext(segments, None) is None


async def test_where_a_recording_breaks_what_came_before_is_told() -> None:
    async def breaks() -> None:
        raise InvalidInput("broken here", param="file")

    async with aclosing(_in_order(stretches_then(breaks, 1, 2, 3), text_of, 2)) as segments:
        assert [(await anext(segments)).text for _ in range(3)] == ["1", "2", "3"]
        with pytest.raises(InvalidInput, match="broken here"):
            await anext(segments)


async def test_no_more_stretches_are_cut_than_may_be_under_way() -> None:
    begun: list[int] = []
    forever = asyncio.Event()

    async def never(stretch: Stretch) -> Segment:
        begun.append(stretch.start)
        await forever.wait()
        raise AssertionError

    reading = asyncio.create_task(
        anext(_in_order(stretches_then(forever.wait, *range(9)), never, 3))
    )
    for _ in range(50):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert begun == [0, 1, 2]
