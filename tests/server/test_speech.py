"""`/v1/audio/speech` with the official library, with curl, and cut off."""

import asyncio
import base64
import io
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
import soundfile
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI

from tests.documents import ROOT, blocks, name_of
from tests.media import heard
from tests.server.processes import WAIT_LIMIT_S, Http, eventually
from vdx.bench.scrape import fetch, parse
from vdx.serving.embedded import EmbeddedTriton

TEXT = "Hello there. This is a sentence like many others."
SPEECH = "/v1/audio/speech"


@pytest.fixture
def client(server: str) -> OpenAI:
    return OpenAI(api_key="any", base_url=f"{server}/v1", max_retries=0)


def seconds(raw: bytes, form: str) -> float:
    if form == "pcm":
        return len(raw) / 2 / 24_000
    if form == "aac":
        return heard(raw, 24_000).size / 24_000
    pcm, rate = soundfile.read(io.BytesIO(raw))
    assert rate == 24_000
    assert pcm.ndim == 1
    return float(pcm.size / rate)


def test_every_format_holds_the_same_speech(client: OpenAI) -> None:
    spoken: dict[str, float] = {}
    media: dict[str, str] = {}
    for form in ("pcm", "wav", "mp3", "flac", "opus", "aac"):
        answer: Any = client.audio.speech.create(
            model="tts-1", voice="alloy", input=TEXT, response_format=form
        )
        media[form] = answer.response.headers["content-type"]
        spoken[form] = seconds(answer.read(), form)
    assert spoken["pcm"] > 1.5
    assert all(abs(length - spoken["pcm"]) < 0.15 for length in spoken.values()), spoken
    assert media["mp3"] == "audio/mpeg"
    assert media["opus"] == "audio/ogg"
    assert media["aac"] == "audio/aac"


def test_the_voice_is_that_of_the_profile_or_its_own(client: OpenAI) -> None:
    def voice(**asked: Any) -> str:
        given = {"model": "tts-1", "voice": "nova", "input": "a"} | asked
        answer: Any = client.audio.speech.with_raw_response.create(**given)
        return str(answer.headers["x-vdx-voice"])

    assert voice() == "tone"
    assert voice(model="gpt-4o-mini-tts-2025-12-15", voice="cedar") == "tone"
    assert voice(model="fast") == "tone-fast"
    assert voice(model="vdx", voice="espeak-en") == "espeak-en"
    assert voice(model="tone-spare") == "tone-spare"
    assert voice(voice={"id": "tone-fast"}) == "tone-fast"


def test_speed_and_rate_are_obeyed(server: str) -> None:
    def length(**asked: Any) -> int:
        asked |= {"input": TEXT, "voice": "espeak-en", "response_format": "pcm"}
        answer = httpx.post(server + SPEECH, json=asked, timeout=WAIT_LIMIT_S)
        assert answer.status_code == 200, answer.text
        return len(answer.content)

    assert 1.6 < length(speed=0.5) / length() < 2.4
    assert 0.4 < length(speed=2) / length() < 0.65
    assert 0.2 < length(speed=4) / length() < 0.4
    assert length(speed=0.25) > 1.6 * length()
    assert 1.9 < length(sample_rate=48_000) / length() < 2.1


def test_a_language_is_spoken(server: str) -> None:
    asked = {"input": "Guten Morgen, wie geht es Ihnen?", "voice": "espeak"}
    asked |= {"response_format": "pcm", "language": "de"}
    german = httpx.post(server + SPEECH, json=asked, timeout=WAIT_LIMIT_S)
    english = httpx.post(server + SPEECH, json=asked | {"language": "en"}, timeout=WAIT_LIMIT_S)
    assert german.status_code == english.status_code == 200
    assert len(german.content) != len(english.content)


async def test_speech_streams_while_it_is_made(server: str) -> None:
    """A voice that takes its time."""
    async with AsyncOpenAI(api_key="any", base_url=f"{server}/v1") as client:
        for form in ("pcm", "mp3", "opus", "aac"):
            loop = asyncio.get_running_loop()
            async with client.audio.speech.with_streaming_response.create(
                model="tts-1",
                voice="tone/fault:slow",
                input="Slow, sure.",
                response_format=form,  # type: ignore[arg-type]  # one of a list
            ) as answer:
                times = [loop.time() async for _ in answer.iter_bytes()]
            assert len(times) > 3, form
            assert times[-1] - times[0] > 0.3, form


def test_events_carry_the_audio(client: OpenAI, server: str) -> None:
    asked = {"input": TEXT, "response_format": "pcm", "stream_format": "sse"}
    answer = httpx.post(server + SPEECH, json=asked, timeout=WAIT_LIMIT_S)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert events[-1]["type"] == "speech.audio.done"
    assert events[-1]["usage"]["total_tokens"] > 0
    audio = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert seconds(audio, "pcm") > 1.5


@pytest.mark.parametrize(
    ("asked", "status", "param"),
    [
        ({"input": ""}, 400, "input"),
        ({"input": "x" * 100_001}, 400, "input"),
        ({"input": "\u200b 🎉"}, 400, "input"),
        ({"input": 7}, 400, "input"),
        ({}, 400, "input"),
        ({"input": "a", "voice": "nobody"}, 400, "voice"),
        ({"input": "a", "voice": "canned"}, 400, "voice"),
        ({"input": "a", "voice": {"name": "x"}}, 400, "voice"),
        ({"input": "a", "model": "nobody"}, 404, "model"),
        ({"input": "a", "response_format": "m4a"}, 400, "response_format"),
        ({"input": "a", "speed": 5}, 400, "speed"),
        ({"input": "a", "speed": "NaN"}, 400, "speed"),
        ({"input": "a", "language": "deutsch!"}, 400, "language"),
        ({"input": "a", "stream_format": "carrier pigeon"}, 400, "stream_format"),
        ({"input": "a", "volume": 11}, 400, "volume"),
        ([], 400, None),
    ],
    ids=str,
)
def test_what_cannot_be_spoken_is_named(server: str, asked: Any, status: int, param: str) -> None:
    answer = httpx.post(server + SPEECH, json=asked, timeout=WAIT_LIMIT_S)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error"), error
    assert (error["param"] or "").split(".")[0] == (param or "")
    assert error["service"] == "request"
    assert error["retryable"] is False


def test_the_library_raises_its_own_errors(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'tone'"):
        client.audio.speech.create(model="tonne", voice="alloy", input="a")
    with pytest.raises(BadRequestError) as told:
        client.audio.speech.create(model="tts-1", voice="espeak-en/nobody", input="a")
    assert "nobody" in str(told.value)


def test_bodies_that_are_none(server: str) -> None:
    for content, kind, status in (
        (b"{not json", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"input=a", "application/x-www-form-urlencoded", 415),
        (b" " * (1024 * 1024 + 1), "application/json", 413),
    ):
        headers = {"content-type": kind}
        answer = httpx.post(server + SPEECH, content=content, headers=headers, timeout=WAIT_LIMIT_S)
        assert answer.status_code == status
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_paths_and_methods_that_are_not_there(server: str) -> None:
    missing = httpx.post(f"{server}/v1/audio/nothing")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    wrong = httpx.get(server + SPEECH)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["error"]["code"] == "method_not_allowed"


def _active(triton: EmbeddedTriton) -> float:
    return parse(fetch(triton.metrics_url)).total("vdx_active_streams", model="tone")


def test_a_client_that_leaves_stops_the_voice(server: str, triton: EmbeddedTriton) -> None:
    asked = json.dumps({"input": "a long text. " * 400, "voice": "tone/fault:slow"}).encode()
    host, kind = urlsplit(server), "application/json"
    address = str(host.hostname), int(host.port or 80)
    with socket.create_connection(address, timeout=WAIT_LIMIT_S) as peer:
        head = f"POST {SPEECH} HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Type: {kind}\r\n"
        peer.sendall(f"{head}Content-Length: {len(asked)}\r\n\r\n".encode() + asked)
        assert peer.recv(100).startswith(b"HTTP/1.1 200")
        assert _active(triton) >= 1
    eventually(lambda: _active(triton) == 0, "the synthesis cancelled in Triton")
    tasks = Http(server).status
    eventually(lambda: tasks()["tasks"] < 40, "its tasks gone")


def test_a_voice_that_fails_in_mid_stream_ends_the_answer_as_an_error(server: str) -> None:
    # Other formats hold back the first sound, and an answer that has not begun is refused whole.
    asked = {
        "input": "It fails in the middle.",
        "voice": "tone/fault:error",
        "response_format": "pcm",
    }
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(server + SPEECH, json=asked, timeout=WAIT_LIMIT_S)
    answer = httpx.post(
        server + SPEECH, json=asked | {"stream_format": "sse"}, timeout=WAIT_LIMIT_S
    )
    last = json.loads(answer.text.split("\n\n")[-2][6:])
    assert last["type"] == "error"
    assert last["error"]["service"] == "triton:tone"


def test_curl_writes_a_file(server: str, tmp_path: Path) -> None:
    curl = shutil.which("curl")
    assert curl, "the tests need curl: sudo apt install curl"
    out = tmp_path / "speech.mp3"
    body = json.dumps({"model": "tts-1", "input": TEXT, "voice": "alloy"})
    arguments = ["-sS", "--fail", "-H", "Content-Type: application/json", "-d", body, "-o", out]
    subprocess.run([curl, *arguments, server + SPEECH], check=True, timeout=60)
    assert soundfile.info(out).duration > 1.5
    assert np.abs(soundfile.read(out)[0]).max() > 0.05


@pytest.mark.parametrize("document", [ROOT / "README.md", ROOT / "docs" / "api.md"], ids=name_of)
def test_the_curl_commands_of_a_document_work_as_they_are_printed(
    server: str, tmp_path: Path, document: Path
) -> None:
    # The first block; of recordings with two sides below, of voices in test_voices.py. A model that
    # translates is too large for a test.
    block = next(each for each in blocks(document, "sh") if each.startswith("curl "))
    script = block.replace("http://127.0.0.1:8080", server).replace("curl ", "curl -sS --fail ")
    command = ["bash", "-e", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert soundfile.info(tmp_path / "hello.mp3").duration > 0.3
    decoder, text = json.JSONDecoder(), done.stdout.decode().strip()
    transcript, end = decoder.raw_decode(text)
    assert transcript["text"]
    assert json.loads(text[end:])["object"] == "list"


def test_the_curl_command_for_both_sides_of_a_call_works_as_it_is_printed(
    server: str, tmp_path: Path
) -> None:
    every = "".join(blocks(ROOT / "docs" / "api.md", "sh")).splitlines()
    (line,) = (line for line in every if "channels=split" in line)
    speech, rate = soundfile.read(ROOT / "tests" / "data" / "audio" / "ps_goforward.wav")
    soundfile.write(tmp_path / "call.wav", np.stack([speech, speech[::-1]], axis=1), rate)
    script = line.replace("http://127.0.0.1:8080", server).replace("curl ", "curl -sS --fail ")
    command = ["bash", "-e", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    assert json.loads(done.stdout)["text"]


def test_the_program_of_the_readme_gets_sound(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = blocks(ROOT / "README.md", "python")
    decode, sound = base64.b64decode, bytearray()
    monkeypatch.setattr(base64, "b64decode", lambda text: sound.extend(decode(text)))
    here = program.replace("127.0.0.1:8080", server.removeprefix("http://"))
    exec(compile(here, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102
    assert len(sound) / 2 / 24_000 > 0.3
    assert np.abs(np.frombuffer(sound, np.int16)).max() > 1_000
