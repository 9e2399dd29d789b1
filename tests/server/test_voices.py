"""Voicepacks in live calls: added to a server that runs, used between families, taken away."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.documents import blocks
from tests.server.processes import LONG_ANSWER, WAIT_LIMIT_S, Http, Vdx, eventually, running
from tests.server.talk import Event, Samples, Talk, talking, update
from tests.unit.transports.test_voice_clones import add_model
from vdx.client.recording import read_clip
from vdx.core.paths import locate
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

MAKE_VOICE = locate().data / "benchmarks" / "piper_voice.py"
DATA = Path(__file__).parents[1] / "data"
WHISPER = DATA / "whisper-micro-int8"
SPEECH = DATA / "whisper-speech"

Voices = Callable[..., str]
"""Runs `vdx voices …` for the server's home and returns what it says."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices") / "home"


@pytest.fixture(scope="module")
def voices(home: Path) -> Voices:
    def call(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vdx.cli", "voices", *arguments],
            env={**os.environ, "VDX_HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=4 * WAIT_LIMIT_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="module")
def voice_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A voice with the network of a Piper voice, small, and weights of no meaning."""
    folder = tmp_path_factory.mktemp("made") / "en_US-tiny-low"
    subprocess.run(
        [locate().triton_python, MAKE_VOICE, "tiny", folder], check=True, timeout=4 * WAIT_LIMIT_S
    )
    return folder


@pytest.fixture(scope="module")
def up(
    home: Path,
    voices: Voices,
    voice_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Vdx]:
    """A whole `vdx up` that was told a voice and a recogniser by their ids."""
    voices("add", str(voice_folder), "--id", "first")
    place = tmp_path_factory.mktemp("up")
    (place / "long.yaml").write_text(yaml.safe_dump([LONG_ANSWER]))
    script = {"kind": "script", "script": {"path": str(place / "long.yaml")}}
    config = {
        "profiles": {"vdx": {}, "long": {"responder": script, "voice": "tone"}},
        "model_manager": {"resident_cap": 8},  # many voices come and go here in one server
    }
    chosen = ("--voice", "first", "--recogniser", "canned", "--no-proof")
    environ = {"VDX_HOME": str(home)}
    with running("up", "--port=0", *chosen, home=place, config=config, environ=environ) as vdx:
        vdx.url()
        yield vdx
        assert vdx.interrupt() == 0
        assert "Traceback" not in vdx.output, vdx.output


@pytest.fixture
def server(up: Vdx) -> str:
    return up.url()


@pytest.fixture
def http(server: str) -> Http:
    return Http(server)


def is_sound(pcm: Samples) -> bool:
    """Whether it is longer than a fraction of a second and anything but silence."""
    return pcm.size > 24_000 // 4 and float(np.abs(pcm).mean()) > 50


async def test_up_starts_with_what_it_was_told(server: str, http: Http) -> None:
    status = await asyncio.to_thread(http.status)
    assert (status["voice"], status["recogniser"]) == ("first", "canned")
    async with talking(server) as talk:
        done = await talk.full_turn()
        assert done["response"]["status"] == "completed"
        assert done["response"]["audio"]["output"]["voice"] == "first"
        assert is_sound(talk.audio(done["response"]["id"]))


async def test_a_voice_comes_to_a_running_server_and_into_a_call(
    server: str, http: Http, voices: Voices, voice_folder: Path
) -> None:
    await asyncio.to_thread(http.post, "/vdx/models/espeak/load")
    async with talking(server, session={"audio": {"output": {"voice": "espeak"}}}) as talk:
        await talk.full_turn()
        await asyncio.to_thread(voices, "add", str(voice_folder))
        _, listed = await asyncio.to_thread(http.get, "/vdx/models")
        (model,) = [each for each in listed["models"] if each["name"] == "en_US-tiny-low"]
        assert (model["state"], model["kind"], model["family"]) == ("UNAVAILABLE", "tts", "piper")
        await asyncio.to_thread(http.post, "/vdx/models/en_US-tiny-low/use")
        done = await talk.full_turn()
        assert done["response"]["audio"]["output"]["voice"] == "en_US-tiny-low"
        assert is_sound(talk.audio(done["response"]["id"]))
        session = await update(talk, {"audio": {"output": {"voice": "espeak"}}})
        assert session["audio"]["output"]["voice"] == "espeak"
        back = await talk.full_turn()
        assert is_sound(talk.audio(back["response"]["id"]))
    await asyncio.to_thread(http.post, "/vdx/models/first/use")


def spoken(name: str) -> Samples:
    """A sentence of the trained model's, spoken by flite, with a little room around it."""
    return read_clip(SPEECH / f"{name}.wav", 24_000).pcm


async def heard_and_answered(talk: Talk, name: str) -> tuple[str, Event]:
    """What was heard of a sentence, and the response.done that answered it."""
    mark = len(talk.events)
    await talk.say(spoken(name), then_s=1.5)
    done = await talk.wait("response.done", after=mark)
    heard = await talk.wait("conversation.item.input_audio_transcription.completed", after=mark)
    return heard["transcript"], done["response"]


async def test_whisper_hears_and_piper_answers(server: str, http: Http, voices: Voices) -> None:
    said = await asyncio.to_thread(voices, "add", str(WHISPER))
    assert "vdx up --recogniser whisper-micro-int8" in said
    async with talking(server) as talk:
        heard, _ = await heard_and_answered(talk, "what_time_is_it")
        assert heard == "hello there"  # the recogniser of tests, which hears nothing else
        await asyncio.to_thread(http.post, "/vdx/models/whisper-micro-int8/use")
        heard, response = await heard_and_answered(talk, "turn_on_the_kitchen_light")
        assert plain(heard) == "turn on the kitchen light"
        assert response["status"] == "completed"
        assert response["audio"]["output"]["voice"] == "first"
        assert plain(response["output"][0]["content"][0]["transcript"]).endswith(plain(heard))
        assert is_sound(talk.audio(response["id"]))
        await asyncio.to_thread(http.post, "/vdx/models/canned/use")
        said = await asyncio.to_thread(voices, "remove", "whisper-micro-int8", "--url", server)
        assert "is unloaded" in said
        heard, _ = await heard_and_answered(talk, "what_time_is_it")
        assert heard == "hello there"


def plain(text: str) -> str:
    return text.lower().strip(" .?!")


@pytest.mark.long  # a voice is removed while it speaks below
async def test_a_recogniser_removed_in_a_call(server: str, http: Http, voices: Voices) -> None:
    await asyncio.to_thread(voices, "add", str(WHISPER), "--id", "whisper-added")
    await asyncio.to_thread(http.post, "/vdx/models/whisper-added/load")
    session = {"audio": {"input": {"transcription": {"model": "whisper-added"}}}}
    async with talking(server, session=session) as talk:
        heard, _ = await heard_and_answered(talk, "stop_talking")
        assert plain(heard) == "stop talking please"
        await asyncio.to_thread(voices, "remove", "whisper-added", "--url", server)
        heard, _ = await heard_and_answered(talk, "stop_talking")
        assert heard == "hello there"


async def test_a_voice_is_swapped_within_a_reply(server: str, http: Http) -> None:
    async with talking(server, "long") as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=5)
        session_id = talk.of("session.created")[0]["session"]["id"].removeprefix("sess_")
        path = f"/vdx/models/first/use?session={session_id}"
        assert (await asyncio.to_thread(http.post, path))[0] == 200
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
        assert not talk.of("error")


async def test_a_voice_removed_while_it_speaks(
    server: str, http: Http, home: Path, voices: Voices, voice_folder: Path
) -> None:
    # Without loading it once, as `vdx voices add` does: the same files were loaded before.
    store = VoicepackStore(replace(locate(), home=home))
    store.add(*identify(voice_folder), Origin("here", "leaving"))
    await asyncio.to_thread(http.post, "/vdx/models/leaving/load")
    session = {"audio": {"output": {"voice": "leaving"}}}
    async with talking(server, "long", session=session) as talk:
        await talk.turn()
        await talk.wait("response.output_audio.delta", count=5)
        said = await asyncio.to_thread(voices, "remove", "leaving", "--url", server)
        assert "is unloaded; what it is saying now is finished" in said
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER
        # What `use` made the default of every profile by now.
        assert (await update(talk, {}))["audio"]["output"]["voice"] == "first"
    assert not (home / "model_repository" / "leaving").exists()
    assert not (home / "voicepacks" / "piper" / "leaving").exists()

    def gone() -> bool:
        _, listed = http.get("/vdx/models")
        return "leaving" not in {each["name"] for each in listed["models"]}

    await asyncio.to_thread(eventually, gone, "the model leaves the list")


def test_the_curl_commands_of_the_document_work_as_they_are_printed(
    server: str, home: Path, tmp_path: Path
) -> None:
    add_model(replace(locate(), home=home), "csm-1b", "csm", "en")
    shutil.copy(DATA / "audio" / "ps_librivox_0870.wav", tmp_path / "me.wav")
    every = blocks(locate().data / "docs" / "voices.md", "sh")
    (block,) = (block for block in every if block.startswith("curl "))
    script = block.replace("http://127.0.0.1:8080", server).replace("curl ", "curl -sS --fail ")
    command = ["bash", "-e", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    decoder, text = json.JSONDecoder(), done.stdout.decode().strip()
    made, end = decoder.raw_decode(text)
    assert made["id"] == "csm-1b/jo"
    assert json.loads(text[end:])["deleted"]
    assert not list((home / "voicepacks").rglob("jo"))
    shutil.rmtree(home / "model_repository" / "csm-1b")


async def test_a_name_that_is_none_is_answered_with_the_nearest(server: str) -> None:
    async with talking(server) as talk:
        before = len(talk.events)
        await talk.connection.session.update(
            session={"type": "realtime", "audio": {"output": {"voice": "frist"}}}
        )
        error = await talk.error(before)
        assert "there is no voice 'frist'; did you mean 'first'?" in error["message"]
        assert "canned" not in error["message"]
