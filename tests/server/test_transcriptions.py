"""`/v1/audio/transcriptions` with the official library, with curl, and with no recording."""

import io
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import soxr
from openai import AuthenticationError, BadRequestError, OpenAI

from tests.media import mp4_that_claims, written
from tests.server.processes import Http, eventually
from tests.server.talk import RECORDINGS

PATH = "/v1/audio/transcriptions"
GO = (RECORDINGS / "ps_goforward.wav").read_bytes()
WRITERS = {"m4a": "ipod", "mp4": "mp4", "webm": "webm", "mpeg": "mpeg", "aac": "adts"}
"""Formats that FFmpeg writes for the tests, for libsndfile does not; mono."""
PLAYLIST = f"#EXTM3U\n#EXTINF:9,\nfile://{RECORDINGS}/ps_goforward.wav\n#EXT-X-ENDLIST\n".encode()
CLAIMS = mp4_that_claims(170_000_000)
POCKETSPHINX = {"model": "pocketsphinx-en"}


@pytest.fixture
def client(server: str) -> OpenAI:
    return OpenAI(api_key="any", base_url=f"{server}/v1", max_retries=0)


def encoded(form: str, rate: int, channels: int) -> bytes:
    pcm, _ = soundfile.read(io.BytesIO(GO))
    at_rate = soxr.resample(pcm, 16_000, rate)
    file = io.BytesIO()
    if form in WRITERS:
        loud = (at_rate * 32_767).astype(np.int16)
        return written(WRITERS[form], loud, rate, codec="mp3" if form == "mpeg" else "")
    container, codec = ("OGG", "OPUS") if form == "opus" else (form.upper(), None)
    both = np.repeat(at_rate[:, None], channels, axis=1)
    soundfile.write(file, both, rate, format=container, subtype=codec)
    return file.getvalue()


def two_sentences() -> bytes:
    first, _ = soundfile.read(io.BytesIO(GO), dtype="int16")
    second, _ = soundfile.read(RECORDINGS / "ps_something.wav", dtype="int16")
    silence = np.zeros(20_000, np.int16)
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([first, silence, second, silence]), 16_000, format="WAV")
    return file.getvalue()


def post(server: str, file: Any = GO, name: str = "go.wav", **fields: Any) -> httpx.Response:
    return httpx.post(server + PATH, files={"file": (name, file)}, data=fields, timeout=60)


def _kinds() -> Iterator[Any]:
    """Every form at one rate, one of each decoder's at all; the other pairs are long tests."""
    for form in ("wav", "aiff", "flac", "ogg", "mp3", "opus", *WRITERS):
        for rate, channels in ((8_000, 1), (16_000, 2), (48_000, 2)):
            every = rate == 16_000 or form in {"wav", "m4a"}
            yield pytest.param(form, rate, channels, marks=[] if every else pytest.mark.long)


@pytest.mark.parametrize(("form", "rate", "channels"), [*_kinds()])
def test_recordings_of_every_kind(client: OpenAI, form: str, rate: int, channels: int) -> None:
    raw = encoded(form, rate, channels)
    heard = client.audio.transcriptions.create(**POCKETSPHINX, file=(f"go.{form}", raw))
    # At 8 kHz half of what tells words apart is gone; that it is heard at all is enough.
    assert "forward" in heard.text if rate > 8_000 else heard.text


def test_names_of_openai_mean_the_default_recogniser(client: OpenAI) -> None:
    for model in ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "vdx"):
        heard = client.audio.transcriptions.create(model=model, file=("go.wav", GO))
        assert heard.text == "hello there"  # what `canned` always says
    real = client.audio.transcriptions.create(model="real", file=("go.wav", GO))
    assert real.text == "go forward ten meters"


def test_verbose_json_has_words_and_segments(client: OpenAI) -> None:
    heard = client.audio.transcriptions.create(
        **POCKETSPHINX,
        file=("two.wav", two_sentences()),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
        prompt="Robots.",
        temperature=0.2,
    )
    assert heard.language == "english"
    assert heard.duration == pytest.approx(8.3, abs=0.2)
    assert heard.segments
    assert heard.words
    assert len(heard.segments) == 2
    assert " ".join(segment.text for segment in heard.segments) == heard.text
    assert [word.word for word in heard.words][:2] == ["go", "forward"]
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert all(0 <= word.start < word.end <= heard.duration for word in heard.words)
    # The second sentence begins about where its recording was put.
    assert heard.words[4].start == pytest.approx(4.3, abs=0.8)


def test_granularities_are_chosen(server: str) -> None:
    def keys(**fields: Any) -> set[str]:
        answer = post(server, **POCKETSPHINX, response_format="verbose_json", **fields)
        return set(answer.json()) & {"words", "segments"}

    assert keys() == {"words", "segments"}
    assert keys(**{"timestamp_granularities[]": "word"}) == {"words"}
    assert keys(timestamp_granularities="segment") == {"segments"}


def test_text_and_subtitles(client: OpenAI) -> None:
    def written(form: Any) -> str:
        file = ("two.wav", two_sentences())
        found = client.audio.transcriptions.create(**POCKETSPHINX, file=file, response_format=form)
        return str(found)

    assert written("text").startswith("go forward ten meters ")
    clock = r"\d\d:\d\d:\d\d"
    assert re.match(rf"1\n{clock},\d\d\d --> {clock},\d\d\d\ngo forward", written("srt"))
    assert re.match(rf"WEBVTT\n\n{clock}\.\d\d\d --> {clock}\.\d\d\d\ngo forward", written("vtt"))


def test_a_stream_tells_stretch_after_stretch(client: OpenAI) -> None:
    file = ("two.wav", two_sentences())
    stream = client.audio.transcriptions.create(**POCKETSPHINX, file=file, stream=True)
    events = list(stream)
    assert [event.type for event in events] == [
        "transcript.text.delta",
        "transcript.text.delta",
        "transcript.text.done",
    ]
    assert "".join(getattr(event, "delta", "") for event in events) == events[-1].text


def test_silence_says_nothing(client: OpenAI) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(16_000), 16_000, format="WAV")
    heard = client.audio.transcriptions.create(model="whisper-1", file=("s.wav", file.getvalue()))
    assert heard.text == ""


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"file": b"", "name": "empty.wav"}, 400, "cannot read empty.wav"),
        ({"file": b"these are words"}, 400, "vdx reads wav, aiff"),
        ({"file": b"\x00\x00\x00\x18ftypM4A mp42", "name": "a.m4a"}, 400, "cannot read a.m4a"),
        ({"file": b"\x1aE\xdf\xa3webm", "name": "a.webm"}, 400, "cannot read a.webm"),
        ({"file": CLAIMS}, 400, "nothing in it can be decoded"),
        ({"file": PLAYLIST, "name": "a.mp3"}, 400, "cannot read a.mp3: it is no audio file"),
        ({"file": GO[:30]}, 400, "cannot read go.wav"),
        ({"model": "nobody"}, 404, "nobody"),
        ({"model": "tone"}, 400, "not a recogniser"),
        ({"model": "pocketsphinx-en", "language": "de"}, 400, "understands en, not 'de'"),
        ({"language": "?"}, 400, "language"),
        ({"response_format": "docx"}, 400, "docx"),
        ({"response_format": "diarized_json"}, 400, "diarized_json"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"timestamp_granularities[]": "word"}, 400, "verbose_json"),
        ({"stream": "true", "response_format": "srt"}, 400, "stream works with"),
        ({"speaker": "x"}, 400, "speaker"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_written_down_is_named(
    server: str, fields: dict[str, Any], status: int, named: str
) -> None:
    answer = post(server, **fields)
    assert answer.status_code == status, answer.text
    assert named in answer.json()["error"]["message"]


def test_forms_that_are_none(server: str) -> None:
    def send(content: Any, kind: str) -> tuple[int, str]:
        answer = httpx.post(server + PATH, content=content, headers={"content-type": kind})
        return answer.status_code, answer.json()["error"]["message"]

    assert send(b"{}", "application/json")[0] == 415
    assert send(b"x", "multipart/form-data") == (
        400,
        "the form cannot be read: Missing boundary in multipart.",
    )
    assert send(b"no form", "multipart/form-data; boundary=x")[0] == 400
    answer = httpx.post(server + PATH, data={"model": "whisper-1"}, files={"other": b"x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")
    assert httpx.get(server + PATH).status_code == 405


def test_the_limit_is_25_megabytes(server: str) -> None:
    speech, _ = soundfile.read(io.BytesIO(GO), dtype="int16")
    largest = np.zeros((25 * 1024 * 1024 - 44) // 2, np.int16)
    largest[: speech.size] = speech
    file = io.BytesIO()
    soundfile.write(file, largest, 16_000, format="WAV")
    heard = post(server, file.getvalue(), **POCKETSPHINX)
    assert heard.json()["text"] == "go forward ten meters"
    over = post(server, file.getvalue() + b"\0")
    assert (over.status_code, over.json()["error"]["code"]) == (413, "too_large")

    def endless() -> Any:
        for _ in range(40):
            yield bytes(1024 * 1024)

    kind = {"content-type": "multipart/form-data; boundary=x"}
    unannounced = httpx.post(server + PATH, content=endless(), headers=kind, timeout=60)
    assert unannounced.status_code in {400, 413}


def test_a_client_that_leaves_frees_everything(server: str, http: Http) -> None:
    """Minutes of speech take many seconds; nobody waits for it to the end."""
    pcm, _ = soundfile.read(io.BytesIO(GO), dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, np.tile(pcm, 80), 16_000, format="WAV")
    tasks = http.settled_tasks()
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            server + PATH,
            files={"file": file.getvalue()},
            data=POCKETSPHINX,
            timeout=httpx.Timeout(60, read=0.3),
        )
    eventually(lambda: http.status()["tasks"] <= tasks, "its tasks gone")


def test_many_at_once_are_served_or_told_to_wait(server: str) -> None:
    pcm, rate = soundfile.read(io.BytesIO(GO), dtype="int16")
    file = io.BytesIO()
    soundfile.write(file, pcm[rate // 2 : rate], rate, format="WAV")  # half a second of speech
    answers: list[int] = []

    def ask() -> None:
        answers.append(post(server, file.getvalue(), **POCKETSPHINX).status_code)

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 24
    assert set(answers) <= {200, 503}
    assert answers.count(200) >= 16


def test_curl_sends_a_file(server: str) -> None:
    curl = shutil.which("curl")
    assert curl, "the tests need curl: sudo apt install curl"
    fields = ["-F", f"file=@{RECORDINGS / 'ps_goforward.wav'}", "-F", "model=pocketsphinx-en"]
    done = subprocess.run(
        [curl, "-sS", "--fail", *fields, server + PATH], check=True, timeout=60, capture_output=True
    )
    assert json.loads(done.stdout)["text"] == "go forward ten meters"


def test_models_are_listed_as_openai_does(client: OpenAI, server: str) -> None:
    listed = {model.id: model for model in client.models.list()}
    assert {"vdx", "fast", "tone", "canned", "espeak-en"} <= listed.keys()
    assert all(m.object == "model" and m.owned_by == "vdx" for m in listed.values())
    found = {m["id"]: m["vdx"] for m in httpx.get(f"{server}/v1/models").json()["data"]}
    assert found["fast"] == {"kind": "profile", "voice": "tone-fast", "recogniser": "canned"}
    assert (found["tone"]["kind"], found["tone"]["state"]) == ("voice", "READY")
    assert found["pocketsphinx-en"]["languages"] == ["en"]
    assert client.models.retrieve("tone").id == "tone"
    assert client.models.retrieve("whisper-1").id == "whisper-1"
    assert httpx.get(f"{server}/v1/models/nobody").status_code == 404


def test_a_key_is_asked_for(triton: Any, base_config: dict[str, Any], tmp_path: Path) -> None:
    from tests.server.processes import running

    config = base_config | {"server": {"api_keys": ["the-right-key-of-all"]}}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path, config=config) as vdx:
        base_url = f"{vdx.url()}/v1"
        with pytest.raises(AuthenticationError):
            OpenAI(api_key="wrong", base_url=base_url).models.list()
        with pytest.raises(AuthenticationError):
            OpenAI(api_key="wrong", base_url=base_url).audio.speech.create(
                model="tts-1", voice="alloy", input="a"
            )
        right = OpenAI(api_key="the-right-key-of-all", base_url=base_url)
        assert right.audio.speech.create(model="tts-1", voice="alloy", input="a").read()
        with pytest.raises(BadRequestError):
            right.audio.transcriptions.create(model="whisper-1", file=b"nothing")
