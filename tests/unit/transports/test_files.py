"""Whole texts and whole recordings, against a client in memory."""

import wave
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import soundfile

from frontend.core.config import ClauseConfig, TritonConfig, VadConfig
from frontend.core.errors import InvalidInput, ModelFailed, ModelTimeout
from frontend.core.events import SpeechChunk
from frontend.serving.triton import SynthesisRequest
from frontend.speech.tts import Voice
from frontend.transports.files import (
    Line,
    Stretch,
    find_speech,
    read_recording,
    speak_text,
    transcribe,
)
from tests.unit.dialog.fakes import FakeRecognition, Heard, utter
from tests.unit.virtual_time import on_virtual_time

AUDIO = Path(__file__).parents[2] / "data" / "audio"
VOICE = Voice("anna", "en", "bright", 1.5)


class FakeClient:
    """Speaks noise, and hears what a script says."""

    config = TritonConfig()

    def __init__(self, *heard: Heard) -> None:
        self.requests: list[tuple[str, SynthesisRequest]] = []
        self.streams: list[FakeRecognition] = []
        self.open = 0
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

    def recognise(self, model: str, *, language: str = "") -> FakeRecognition:
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


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels_become_16_khz_mono(tmp_path: Path, rate: int, channels: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "x.wav", np.repeat(tone[:, None], channels, axis=1), rate)
    pcm = read_recording(tmp_path / "x.wav")
    assert pcm.dtype == np.int16
    assert pcm.size == pytest.approx(16_000, abs=2)
    assert np.abs(pcm).max() == pytest.approx(16_384, rel=0.05)
    spectrum = np.abs(np.fft.rfft(pcm[:16_000], 16_000))
    assert spectrum.argmax() == 440


def test_full_scale_is_clipped_and_never_wraps(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.array([1.0, -1.0] * 8000), 16_000, subtype="FLOAT")
    pcm = read_recording(tmp_path / "x.wav")
    assert (pcm[0], pcm[1]) == (32767, -32767)
    soundfile.write(tmp_path / "y.wav", np.full(16_000, 3.0), 16_000, subtype="FLOAT")
    assert set(read_recording(tmp_path / "y.wav").tolist()) == {32767}


@pytest.mark.parametrize("name", ["missing.wav", "folder", "text.wav", "empty.wav"])
def test_what_is_no_recording_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.wav").write_text("words")
    (tmp_path / "empty.wav").touch()
    with pytest.raises(InvalidInput, match=name) as told:
        read_recording(tmp_path / name)
    assert told.value.param == "file"


# --- finding and writing down -------------------------------------------------------------------


def test_speech_is_found_with_silence_around_it() -> None:
    speech = recorded("ps_goforward.wav")
    pcm = np.concatenate([quiet(1500), speech, quiet(2000), speech, quiet(1000)])
    found = find_speech(pcm, VadConfig())
    assert len(found) >= 2
    assert all(0 <= s.start < s.end <= pcm.size for s in found)
    assert all(a.end <= b.end for a, b in pairwise(found))
    assert 1000 * 16 < found[0].start < 2300 * 16


def test_speech_that_the_recording_breaks_off_is_found() -> None:
    speech = recorded("ps_goforward.wav")
    pcm = np.concatenate([quiet(500), speech[: speech.size * 2 // 3]])
    assert find_speech(pcm, VadConfig())[-1].end == pcm.size


@pytest.mark.parametrize("samples", [0, 1, 319, 320, 16_000])
def test_silence_holds_no_speech(samples: int) -> None:
    assert find_speech(np.zeros(samples, np.int16), VadConfig()) == []


def written(client: FakeClient, stretches: list[Stretch], pcm: np.ndarray) -> list[Line]:
    lines: list[Line] = []

    @on_virtual_time
    async def run() -> None:
        found = transcribe(cast(Any, client), "ps", pcm, stretches, "en")
        lines.extend([line async for line in found])

    run()
    return lines


def test_every_stretch_is_a_line_with_its_times() -> None:
    client = FakeClient(Heard("one "), Heard("two"))
    pcm = np.arange(48_000).astype(np.int16)
    lines = written(client, [Stretch(1600, 17_700), Stretch(20_000, 48_000)], pcm)
    assert [(line.start_ms, line.end_ms, line.text) for line in lines] == [
        (100, 1106, "one"),
        (1250, 3000, "two"),
    ]
    assert [stream.recogniser for stream in client.streams] == ["ps/en", "ps/en"]
    first = np.frombuffer(bytes(client.streams[0].received), np.int16)
    assert first.size % 320 == 0
    assert np.array_equal(first[: 17_700 - 1600], pcm[1600:17_700])
    assert all(stream.closed for stream in client.streams)
    assert [what for _, what in client.streams[1].sends].count("end") == 1


def test_a_recogniser_that_hangs_times_out() -> None:
    with pytest.raises(ModelTimeout, match="ps took over 6 s"):
        written(FakeClient(Heard(hangs=True)), [Stretch(0, 16_000)], np.zeros(16_000, np.int16))


def test_a_recogniser_that_ends_without_words_failed() -> None:
    with pytest.raises(ModelFailed, match="without a final transcript"):
        written(FakeClient(Heard(silent_end=True)), [Stretch(0, 320)], np.zeros(320, np.int16))


def test_an_error_of_the_recogniser_is_passed_on() -> None:
    broken = Heard(error=ModelFailed("broken", model="ps"))
    with pytest.raises(ModelFailed, match="broken"):
        written(FakeClient(broken), [Stretch(0, 320)], np.zeros(320, np.int16))
