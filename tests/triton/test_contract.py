"""Every model of the repository keeps the contract; a new one is covered unasked."""

import json
import wave
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.texts import TEXTS
from tests.triton import repository as repo
from tests.triton.wire import Response, Wire

TEXT = "Hello there, this is a test of 3 words."
CAPABILITIES = (
    "streaming",
    "zero_shot",
    "lora",
    "cpu_ok",
    "emotive_zero_prompt",
    "word_times",
    "calibrated_confidence",
)


def recording(name: str = "ps_goforward.wav") -> NDArray[np.int16]:
    """A person, int16 at 16 kHz, whole 20 ms frames."""
    with wave.open(str(repo.ROOT / "tests" / "data" / "audio" / name)) as file:
        assert file.getframerate() == 16000
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples[: samples.size // 320 * 320]


def audio_of(responses: list[Response]) -> NDArray[np.int16]:
    return np.concatenate([r.outputs["AUDIO"] for r in responses if "AUDIO" in r.outputs])


@pytest.mark.parametrize("model", repo.model_names())
def test_configuration_says_what_routing_needs(model: str) -> None:
    parameters = repo.parameters_of(model)
    assert parameters["kind"] in {"tts", "asr"}
    assert parameters["languages"]
    assert int(parameters["sample_rate"]) >= 8000
    assert {parameters[name] for name in CAPABILITIES} <= {"true", "false"}
    assert (repo.MODELS / model / "1").is_dir()


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
async def test_speech_comes_in_whole_frames(wire: Wire, model: str) -> None:
    await wire.load(model)
    responses = await wire.speak(model, TEXT)
    assert [r.error for r in responses] == [""] * len(responses)
    sizes = [len(r.outputs["AUDIO"]) for r in responses if "AUDIO" in r.outputs]
    assert all(r.outputs["AUDIO"].dtype == np.int16 for r in responses if r.outputs)
    assert all(r.outputs["AUDIO"].shape[1] == 960 for r in responses if r.outputs)
    assert sizes[0] <= 3
    assert sum(sizes) > 50
    assert [r.final for r in responses] == [False] * (len(responses) - 1) + [True]
    assert np.abs(audio_of(responses).astype(np.int32)).max() < 32767


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
async def test_words_point_into_the_text(wire: Wire, model: str) -> None:
    await wire.load(model)
    responses = await wire.speak(model, TEXT)
    words = [word for r in responses if r.outputs for word in json.loads(r.outputs["WORDS"])]
    if repo.parameters_of(model)["word_times"] == "false":
        assert words == []
        return
    assert [word["word"] for word in words] == TEXT.split()
    assert [TEXT[word["char_start"] : word["char_end"]] for word in words] == TEXT.split()
    assert all(word["start_ms"] <= word["end_ms"] for word in words)
    assert all(a["start_ms"] <= b["start_ms"] for a, b in pairwise(words))
    assert words[-1]["end_ms"] <= len(audio_of(responses)) * 20 + 20


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
async def test_speed_changes_the_length(wire: Wire, model: str) -> None:
    await wire.load(model)
    slow, fast = [audio_of(await wire.speak(model, TEXT, SPEED=speed)) for speed in (0.8, 1.6)]
    assert len(slow) > 1.5 * len(fast)


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        ({"TEXT": ""}, "''"),
        ({"TEXT": " \n\x01\u200b"}, "nothing to say"),
        ({"TEXT": "a" * 1001}, "1001"),
        ({"TEXT": b"\xff\xfe"}, "UTF-8"),
        ({"TEXT": "a", "SPEED": 4.5}, "4.5"),
        ({"TEXT": "a", "SPEED": float("nan")}, "nan"),
        ({"TEXT": "a", "REFERENCE_AUDIO": np.zeros(24000 * 31, np.int16)}, "744000"),
        ({"TEXT": "a", "LANGUAGE": "x" * 300}, "300"),
    ],
)
async def test_bad_speech_requests_name_the_value(
    wire: Wire, model: str, inputs: dict[str, object], named: str
) -> None:
    await wire.load(model)
    async with wire.stream(model) as stream:
        await stream.send(inputs)  # type: ignore[arg-type]
        responses = await stream.read_final()
    assert len(responses) == 1
    assert "[invalid_argument]" in responses[0].error
    assert named in responses[0].error


@pytest.mark.parametrize("model", repo.models_of_kind("tts"))
async def test_loudness_is_even_over_voices(wire: Wire, model: str) -> None:
    await wire.load(model)
    responses = await wire.speak(model, "The quick brown fox jumps over the lazy dog.")
    samples = audio_of(responses).reshape(-1).astype(np.float64) / 32768
    level = 10 * np.log10(np.mean(samples**2))
    assert -26 < level < -11


@pytest.mark.parametrize("model", repo.models_of_kind("asr"))
async def test_an_utterance_is_recognised_once(wire: Wire, model: str) -> None:
    await wire.load(model)
    speech = recording()
    async with wire.stream(model) as stream:
        for at in range(0, speech.size, 960):
            await stream.send_audio(speech[at : at + 960], start=at == 0)
        await stream.send_audio(speech[:0], end=True)
        responses = []
        while not responses or responses[-1].outputs.get("STATE", [0])[0] != 2:
            responses.append(await stream.read())
    assert [r.error for r in responses] == [""] * len(responses)
    answers = [r.outputs for r in responses if r.outputs]
    assert [a["STATE"][0] for a in answers] == [0] * (len(answers) - 1) + [2]
    last = answers[-1]
    assert last["TEXT"]
    assert last["STABLE"][0] == len(last["TEXT"])
    assert last["AUDIO_MS"][0] == speech.size // 16
    assert all(0 <= a["CONFIDENCE"][0] <= 1 for a in answers)
    assert all(0 <= a["STABLE"][0] <= len(a["TEXT"]) for a in answers)
    words = json.loads(last["WORDS"])
    timed = repo.parameters_of(model)["word_times"] == "true"
    assert [word["word"] for word in words] == (last["TEXT"].split() if timed else [])


@pytest.mark.parametrize("model", repo.models_of_kind("asr"))
async def test_flush_is_answered_and_audio_may_follow(wire: Wire, model: str) -> None:
    await wire.load(model)
    speech = recording()
    half = speech.size // 640 * 320
    async with wire.stream(model) as stream:
        await stream.send_audio(speech[:half], start=True)
        await stream.send_audio(speech[:0], FLUSH=True)
        speculative = await stream.read_state(1)
        await stream.send_audio(speech[half:])
        await stream.send_audio(speech[:0], FLUSH=True)
        second = await stream.read_state(1)
        await stream.send_audio(speech[:0], end=True)
        final = await stream.read_state(2)
    assert speculative.outputs["AUDIO_MS"][0] == half // 16
    assert second.outputs["AUDIO_MS"][0] == speech.size // 16
    assert final.outputs["TEXT"] == second.outputs["TEXT"]


@pytest.mark.parametrize("model", repo.models_of_kind("asr"))
@pytest.mark.parametrize(
    ("audio", "named"),
    [
        (np.zeros(321, np.int16), "321"),
        (np.zeros(16000 * 31, np.int16), "496000"),
    ],
)
async def test_bad_audio_names_the_value(
    wire: Wire, model: str, audio: NDArray[np.int16], named: str
) -> None:
    await wire.load(model)
    async with wire.stream(model) as stream:
        await stream.send_audio(audio, start=True)
        response = await stream.read()
    assert "[invalid_argument]" in response.error
    assert named in response.error


async def test_pocketsphinx_hears_what_was_said(wire: Wire) -> None:
    await wire.load("pocketsphinx-en")
    speech = recording("ps_tidigits_2934z.wav")
    async with wire.stream("pocketsphinx-en") as stream:
        await stream.send_audio(speech, start=True, end=True, LANGUAGE="en-GB")
        final = await stream.read_state(2)
    assert final.outputs["TEXT"] == "two nine three four zero"


async def test_pocketsphinx_names_a_language_it_lacks(wire: Wire) -> None:
    await wire.load("pocketsphinx-en")
    async with wire.stream("pocketsphinx-en") as stream:
        await stream.send_audio(recording(), start=True, LANGUAGE="fr")
        response = await stream.read()
    assert "[invalid_argument] LANGUAGE 'fr'" in response.error


async def test_espeak_speaks_every_language(wire: Wire) -> None:
    await wire.load("espeak")
    silent = []
    for language, text in TEXTS.items():
        responses = await wire.speak("espeak", text, LANGUAGE=f"{language}-XX")
        assert [r.error for r in responses if r.error] == [], language
        if np.abs(audio_of(responses).astype(np.int32)).max() < 1000:
            silent.append(language)
    assert silent == []


@pytest.mark.parametrize(
    ("inputs", "named"), [({"LANGUAGE": "tlh-x"}, "tlh-x"), ({"SPEAKER": "bob"}, "bob")]
)
async def test_espeak_names_what_it_lacks(wire: Wire, inputs: dict[str, str], named: str) -> None:
    await wire.load("espeak-en")
    responses = await wire.speak("espeak-en", TEXT, **inputs)
    assert "[invalid_argument]" in responses[-1].error
    assert named in responses[-1].error
