"""Recordings beyond a plain transcript: translations, sides of a call, speakers; and the voices."""

import base64
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from openai import BadRequestError, OpenAI

from tests.server.processes import running
from tests.server.talk import RECORDINGS, Talk, talking
from tests.triton.repository import ROOT, add_speaker_model
from tests.voices import MAN, WOMAN, voice
from vdx.core.paths import locate
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.model_config import config_text

RATE = 16_000
EVERYWHERE = {"languages": "*", "sample_rate": "16000"}
ASR = {"kind": "asr", "word_times": "true", "language_detection": "true", "translation": "true"}
FOLLOWS = {
    # The first is heard when the model is warmed up.
    "texts": "hello|good morning|guten Morgen zusammen|nein",
    "detects": "en:0.9|en:0.9|de:0.9|fr:0.5",
}
POCKETSPHINX = {"model": "pocketsphinx-en"}


@pytest.fixture(scope="module")
def models(triton: EmbeddedTriton) -> Iterator[Path]:
    """A Whisper of every language, which says made-up words, and models that detect on a script."""
    repository = triton.options.model_repository
    write_config(repository / "canned-follows", "canned", ASR | EVERYWHERE | FOLLOWS)
    folder = write_config(repository / "whisper-any", "whisper", ASR | EVERYWHERE)
    writer = [str(locate().triton_python), "benchmarks/whisper_model.py", "micro"]
    subprocess.run(
        [*writer, str(folder / "voicepack"), "--tokens", "5", "--language", "fr"],
        cwd=ROOT,
        check=True,
    )
    yield repository
    for name in ("canned-follows", "whisper-any", "voices"):
        shutil.rmtree(repository / name, ignore_errors=True)


@pytest.fixture
def speaker_model(models: Path, server: str) -> Iterator[None]:
    """Loaded, for its files are not where this server looks for what a model is."""
    add_speaker_model(models, "voices")
    assert httpx.post(f"{server}/vdx/models/voices/load", timeout=60).status_code == 200
    yield
    assert httpx.post(f"{server}/vdx/models/voices/unload", timeout=60).status_code == 200
    shutil.rmtree(models / "voices")


def write_config(folder: Path, family: str, parameters: dict[str, str], kind: Any = "asr") -> Path:
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(config_text(family, kind, parameters))
    return folder


@pytest.fixture(scope="module")
def server(
    triton: EmbeddedTriton, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A frontend that knows these models too."""
    config = {
        "asr": {"model": "canned"},
        "tts": {"voice": "espeak"},
        "profiles": {
            "vdx": {},
            "any": {"recogniser": "whisper-any"},
            "follows": {"recogniser": "canned-follows", "language": "auto"},
            "hears": {"recogniser": "pocketsphinx-en"},
        },
    }
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    home = tmp_path_factory.mktemp("recordings")
    with running(*arguments, home=home, config=config) as vdx:
        yield vdx.url()
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def client(server: str) -> OpenAI:
    return OpenAI(api_key="any", base_url=f"{server}/v1", max_retries=0)


def wav(samples: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def recording(name: str) -> Any:
    return soundfile.read(RECORDINGS / f"{name}.wav", dtype="int16")[0]


def stereo() -> bytes:
    """A call: one side speaks, then the other."""
    left, right = recording("ps_goforward"), recording("ps_something")
    both = np.zeros((left.size + right.size + RATE, 2), np.int16)
    both[: left.size, 0] = left
    both[-right.size :, 1] = right
    return wav(both)


# --- translations -------------------------------------------------------------------------------


def test_a_recording_is_translated(client: OpenAI) -> None:
    file = ("go.wav", (RECORDINGS / "ps_goforward.wav").read_bytes())
    heard = client.audio.translations.create(model="any", file=file)
    assert len(heard.text.split()) == 5
    verbose = client.audio.translations.create(
        model="any", file=file, response_format="verbose_json", prompt="Robots.", temperature=0
    )
    assert (verbose.language, verbose.text) == ("english", heard.text)
    assert verbose.segments
    said = client.audio.transcriptions.create(
        model="any", file=file, response_format="verbose_json"
    )
    assert said.language == "french", "which is what the model always detects"


def test_an_english_recogniser_does_not_translate(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match=r"'pocketsphinx-en' \(en\) does not translate"):
        client.audio.translations.create(**POCKETSPHINX, file=("s.wav", wav(np.zeros(RATE))))


# --- sides --------------------------------------------------------------------------------------


def post(server: str, file: bytes, **fields: Any) -> httpx.Response:
    files = {"file": ("call.wav", file)}
    fields = POCKETSPHINX | fields
    return httpx.post(f"{server}/v1/audio/transcriptions", files=files, data=fields, timeout=60)


def test_each_side_of_a_call_has_its_transcript(server: str) -> None:
    call = stereo()
    left, right = "go forward ten meters", "go somewhere and do something"
    found = post(server, call, channels="split").json()
    assert found["channels"] == [{"channel": 0, "text": left}, {"channel": 1, "text": right}]
    verbose = post(server, call, channels="split", response_format="verbose_json").json()
    assert [each["channel"] for each in verbose["segments"]] == [0, 1]
    assert {word["channel"] for word in verbose["words"]} == {0, 1}
    text = post(server, call, channels="split", response_format="text").text
    assert text == f"channel 0: {left}\nchannel 1: {right}\n"
    vtt = post(server, call, channels="split", response_format="vtt").text
    assert f"<v channel 0>{left}" in vtt
    assert f"<v channel 1>{right}" in vtt
    srt = post(server, call, channels="split", response_format="srt").text
    assert f"[channel 0] {left}" in srt
    streamed = post(server, call, channels="split", stream="true").text
    events = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert [each.get("channel") for each in events] == [0, 1, None]
    assert events[-1]["channels"] == found["channels"]


def test_one_channel_has_no_sides(server: str) -> None:
    refused = post(server, wav(recording("ps_goforward")), channels="split")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "channels"
    assert "call.wav has one" in refused.json()["error"]["message"]


# --- speakers -----------------------------------------------------------------------------------


def conversation() -> bytes:
    pause = np.zeros(RATE, np.int16)
    turns = [voice(MAN, 3, 1), pause, voice(WOMAN, 3, 2), pause, voice(MAN, 3, 3)]
    return wav(np.concatenate(turns))


def test_without_a_speaker_model_it_says_what_to_add(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match=r"no speaker model is here.*vdx voices add"):
        client.audio.transcriptions.create(
            model="vdx", file=("c.wav", conversation()), response_format="diarized_json"
        )


@pytest.mark.usefixtures("speaker_model")
def test_speakers_are_told_apart_and_known_ones_named(client: OpenAI) -> None:
    file = ("c.wav", conversation())
    anna = base64.b64encode(wav(voice(WOMAN, 3, 7))).decode()
    heard = client.audio.transcriptions.create(
        model="vdx", file=file, response_format="diarized_json"
    )
    assert [each.speaker for each in heard.segments] == ["A", "B", "A"]
    named = client.audio.transcriptions.create(
        model="vdx",
        file=file,
        response_format="diarized_json",
        known_speaker_names=["Anna"],
        known_speaker_references=[f"data:audio/wav;base64,{anna}"],
    )
    assert [each.speaker for each in named.segments] == ["A", "Anna", "A"]
    with pytest.raises(BadRequestError, match=r"known_speaker_references\[0\] is no data URL"):
        client.audio.transcriptions.create(
            model="vdx",
            file=file,
            response_format="diarized_json",
            known_speaker_names=["Anna"],
            known_speaker_references=["https://example.org/anna.wav"],
        )


# --- voices -------------------------------------------------------------------------------------


def test_the_voices_that_are_here(server: str) -> None:
    found = {each["id"]: each for each in httpx.get(f"{server}/v1/audio/voices").json()["data"]}
    assert {"espeak", "tone"} <= set(found)
    assert not {"canned", "pocketsphinx-en"} & set(found)
    espeak = found["espeak"]
    assert (espeak["family"], espeak["loaded"], espeak["cloning"]) == ("espeak", True, False)
    assert espeak["languages"]
    assert espeak["sample_rate"] > 0
    # Other servers of this Triton may have loaded it.
    models = httpx.get(f"{server}/vdx/models").json()["models"]
    states = {each["name"]: each["state"] for each in models}
    assert found["tone"]["loaded"] == (states["tone"] == "READY")


# --- the language that is heard -----------------------------------------------------------------


async def test_the_language_follows_what_is_heard(server: str) -> None:
    async with talking(server, "follows") as talk:
        await talk.connection.send(
            {"type": "session.update", "session": {"type": "realtime", "vdx": {"events": True}}}
        )
        updated = await talk.wait("session.updated")
        assert updated["session"]["vdx"]["language"] == "auto"
        assert updated["session"]["audio"]["input"]["transcription"]["language"] == "auto"
        for _ in range(3):
            await talk.full_turn()
        heard = talk.of("vdx.language.heard")
        assert [(each["language"], each["spoken"]) for each in heard] == [
            ("en", "en"),
            ("de", "de"),
            ("fr", "de"),
        ]
        (changed,) = talk.of("vdx.language.changed")
        assert (changed["language"], changed["voice_speaks_it"]) == ("de", True)


async def test_a_recogniser_that_cannot_detect_is_refused_by_name(server: str) -> None:
    async with talking(server, "hears") as talk:
        await refused(talk, {"vdx": {"language": "auto"}}, "session.vdx.language")
        transcription = {"audio": {"input": {"transcription": {"language": "auto"}}}}
        await refused(talk, transcription, "session.audio.input.transcription.language")


async def refused(talk: Talk, session: dict[str, Any], param: str) -> None:
    mark = len(talk.events)
    event = {"type": "session.update", "session": {"type": "realtime"} | session}
    await talk.connection.send(event)
    error = (await talk.wait("error", after=mark))["error"]
    assert "recogniser 'pocketsphinx-en' cannot detect the language" in error["message"]
    assert error["param"] == param
