"""The OpenAPI document says what the application does, and its page what the document says."""

import io
import json
import wave
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import soundfile
from starlette.routing import BaseRoute, Route
from starlette.testclient import TestClient

from tests.documents import ROOT
from tests.unit.test_app import hosted, opened
from tests.unit.transports.test_voice_clones import add_model
from vdx.batch.files import Segment
from vdx.core.events import Word
from vdx.core.paths import locate
from vdx.transports.http import recordings
from vdx.transports.http.application import create_app
from vdx.transports.http.reference import page

KEY = "a-key-of-24-characters.."
PAGES = {
    *("/", "/operate", "/manifest.webmanifest", "/icon-{size}.png", "/assets/{name}"),
    *("/openapi.json", "/docs"),
}
ROOMS = {"url": "ws://127.0.0.1:7880", "api_key": "key", "api_secret": "s" * 32}
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
TRANSLATIONS = "/v1/audio/translations"
MODELS = "/vdx/models/{name}"
VOICES = "/v1/audio/voices"
SECRETS = "/v1/realtime/client_secrets"
LEASES = "/vdx/leases"
DRAIN = "/vdx/servers/{name}/drain"


def recording() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
    return buffer.getvalue()


def spoken() -> bytes:
    """Three seconds of somebody who reads, small enough for an upload here."""
    samples, rate = soundfile.read(ROOT / "tests" / "data" / "audio" / "ps_librivox_0930.wav")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format="FLAC")
    return buffer.getvalue()


async def heard(*_: Any, **__: Any) -> AsyncGenerator[Segment, None]:
    yield Segment(0, 500, "hello", 0.9, (Word("hello", 0, 500),))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    """The application with its models loaded, one session, a key, and a voice that clones."""
    monkeypatch.setenv("VDX_HOME", str(tmp_path / "home"))
    add_model(locate(), "sesame", "csm", "en")
    monkeypatch.setattr(recordings, "transcribe", heard)
    server = {"api_keys": [KEY], "max_upload_bytes": 100_000}
    _, host = hosted(server=server, livekit=ROOMS, model_manager={"preload_model_ids": ["tone"]})
    host.servers[0].name = "tone"  # which every path is asked with
    headers = {"Authorization": f"Bearer {KEY}"}
    with TestClient(create_app(host), "http://127.0.0.1:8080", headers=headers) as client:
        assert client.portal is not None
        client.portal.call(host.load_defaults)
        client.portal.call(opened_in, host)
        yield client
        client.portal.call(host.close)


async def opened_in(host: Any) -> None:
    """Opens a session that is found by the name that is put into every path."""
    host.sessions["tone"] = opened(host)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    with TestClient(create_app(hosted()[1]), "http://127.0.0.1:8080") as client:
        told: dict[str, Any] = client.get("/openapi.json").json()
    return told


def routes() -> list[BaseRoute]:
    return create_app(hosted()[1]).routes


def test_the_document_lists_what_is_served(document: dict[str, Any]) -> None:
    served = {
        (route.path.replace(":path", ""), method.lower())
        for route in routes()
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    told = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert {entry for entry in served if entry[0] not in PAGES} == told


def test_what_the_document_lists_is_served(client: TestClient, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method in ("get", "head", "post", "put", "patch", "delete"):
            answer = client.request(method, path.replace("{name}", "tone"))
            is_told = method in methods or (method == "head" and "get" in methods)
            assert (answer.status_code == 405) is not is_told, (method, path)
            if not is_told:
                also = {"HEAD"} if "get" in methods else set()
                allowed = set(answer.headers["allow"].split(", "))
                assert allowed == {each.upper() for each in methods} | also


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) == known


def test_a_translation_tells_no_speakers(document: dict[str, Any]) -> None:
    told = {
        path: references(document["paths"][path]["post"]["responses"]["200"])
        for path in (TRANSCRIPTIONS, TRANSLATIONS)
    }
    [speakers] = told[TRANSCRIPTIONS] - told[TRANSLATIONS]
    assert speakers.endswith("/DiarizedTranscription")


def test_refusals_have_the_shape_of_the_api(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if status != "200" and (path, status) != ("/readyz", "503"):
                    (content,) = answer["content"].values()
                    assert content["schema"]["$ref"].endswith("/Failure")


def test_what_can_be_given_wrongly_is_refused_as_told(document: dict[str, Any]) -> None:
    """A parameter of another type than a text, or with a limit, may be answered with 400."""
    wrong = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            given = [each["schema"] for each in operation.get("parameters", ())]
            limited = [each for each in given if not _any_text(each)]
            if limited and "400" not in operation["responses"]:
                wrong.append(f"{method} {path}")
    assert wrong == []


def _any_text(schema: dict[str, Any]) -> bool:
    texts = schema.get("anyOf", [schema])
    return all(each.get("type") in {"string", "null"} and "maxLength" not in each for each in texts)


def test_what_needs_a_key_is_told(document: dict[str, Any]) -> None:
    free = {"/healthz", "/readyz", "/vdx/page"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("401" in operation["responses"]) is (path not in free)
            assert operation.get("security") == (None if path in free else [{"key": []}, {}])
            assert operation["summary"]
            assert operation["tags"] == ["OpenAI" if path.startswith("/v1/") else "vdx"]
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


JSON = {"input": "Hello.", "voice": "tone", "response_format": "pcm"}
FILE = {"files": {"file": ("a.wav", recording())}}
CLONE = {
    "files": {"file": ("a.flac", spoken())},
    "data": {"name": "jo", "text": "He might.", "consent": "I agree to be spoken with."},
}
ASKED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("post", SPEECH, 200, {"json": JSON}),
    ("post", SPEECH, 200, {"json": JSON | {"response_format": "mp3"}}),
    ("post", SPEECH, 200, {"json": JSON | {"stream_format": "sse"}}),
    ("post", SPEECH, 400, {"json": JSON | {"speed": 9}}),
    ("post", SPEECH, 400, {"json": JSON | {"volume": 9}}),
    ("post", SPEECH, 400, {"content": "{", "headers": {"Content-Type": "application/json"}}),
    ("post", SPEECH, 404, {"json": JSON | {"model": "nobody"}}),
    ("post", SPEECH, 413, {"json": JSON | {"input": "x" * 1_100_000}}),
    ("post", SPEECH, 415, {"content": "{}"}),
    *(
        ("post", TRANSCRIPTIONS, 200, FILE | {"data": data})
        for data in (
            {},
            {"response_format": "text"},
            {"response_format": "srt"},
            {"response_format": "vtt"},
            {"response_format": "verbose_json"},
            {"response_format": "verbose_json", "timestamp_granularities[]": "segment"},
            {"stream": "true"},
        )
    ),
    ("post", TRANSCRIPTIONS, 400, FILE | {"data": {"temperature": "2"}}),
    ("post", TRANSCRIPTIONS, 400, {"files": {"file": ("a.wav", b"noise")}}),
    ("post", TRANSCRIPTIONS, 404, FILE | {"data": {"model": "nobody"}}),
    ("post", TRANSCRIPTIONS, 413, {"files": {"file": ("a.wav", bytes(200_000))}}),
    ("post", TRANSCRIPTIONS, 415, {"json": {}}),
    ("post", TRANSCRIPTIONS, 400, FILE | {"data": {"channels": "split"}}),
    ("post", TRANSCRIPTIONS, 400, FILE | {"data": {"response_format": "diarized_json"}}),
    ("post", TRANSLATIONS, 400, FILE),  # the recogniser here knows one language
    ("post", TRANSLATIONS, 404, FILE | {"data": {"model": "nobody"}}),
    ("get", VOICES, 200, {}),
    ("post", VOICES, 200, CLONE),
    ("post", VOICES, 400, CLONE | {"data": {"name": "jo"}}),
    ("post", VOICES, 400, CLONE | FILE),
    ("post", VOICES, 413, CLONE | {"files": {"file": ("a.wav", bytes(200_000))}}),
    ("post", VOICES, 415, {"json": {}}),
    ("delete", f"{VOICES}/{{voice}}", 200, {}),
    ("delete", f"{VOICES}/nobody", 404, {}),
    ("get", "/v1/models", 200, {}),
    ("get", "/v1/models/{name}", 200, {}),
    ("get", "/healthz", 200, {}),
    ("get", "/readyz", 200, {}),
    ("get", "/metrics", 200, {}),
    ("get", "/vdx/page", 200, {}),
    ("get", "/vdx/status", 200, {}),
    ("get", "/vdx/sessions", 200, {}),
    ("post", "/vdx/sessions/{name}/end", 200, {}),
    ("get", "/vdx/profiles", 200, {}),
    ("get", "/vdx/admission", 200, {}),
    ("get", "/vdx/admission", 404, {"params": {"model": "nobody"}}),
    ("get", "/vdx/logs", 200, {}),
    ("get", "/vdx/logs", 400, {"params": {"level": "loud"}}),
    ("get", "/vdx/models", 200, {}),
    ("get", f"{MODELS}/speakers", 200, {}),
    ("post", f"{MODELS}/load", 200, {}),
    ("post", f"{MODELS}/use", 200, {}),
    ("post", f"{MODELS}/use", 404, {"params": {"session": "nobody"}}),
    ("post", f"{MODELS}/reload", 200, {}),
    ("post", f"{MODELS}/unload", 200, {"params": {"when_free": "true"}}),
    ("post", f"{MODELS}/unload", 200, {}),
    ("post", f"{MODELS}/load", 503, {"params": {"check": "true"}}),  # nothing probes it here
    ("get", "/vdx/servers", 200, {}),
    ("post", f"{MODELS}/update", 200, {"params": {"source": "bell", "canary": "0.5"}}),
    ("get", "/vdx/updates", 200, {}),
    ("post", f"{MODELS}/update/cancel", 200, {}),
    ("post", f"{MODELS}/update", 400, {"params": {"source": "tone"}}),
    ("post", f"{MODELS}/update", 400, {"params": {"source": "espeak"}}),  # sessions start with it
    ("post", f"{MODELS}/update", 404, {"params": {"source": "nobody"}}),
    ("post", DRAIN, 200, {}),
    ("post", DRAIN, 200, {"params": {"off": "true"}}),
    ("get", "/vdx/routes", 200, {}),
    ("get", "/vdx/routes", 404, {"params": {"session": "nobody"}}),
    ("post", LEASES, 200, {"json": {"leases": [{"session": "s", "model": "tone"}]}}),
    ("post", LEASES, 200, {"json": {"leases": [{"session": "s", "model": "nobody"}]}}),
    ("post", LEASES, 400, {"json": {"leases": [{"session": "s"}]}}),
    ("post", f"{LEASES}/renew", 200, {"json": {"sessions": ["nobody"]}}),
    ("post", f"{LEASES}/release", 200, {"json": {"leases": []}}),
    ("post", "/token", 200, {}),
    ("post", "/token", 200, {"json": {"room_name": "kitchen"}}),
    ("post", "/token", 400, {"json": {"agent": {"voce": "tone"}}}),
    ("post", "/token", 413, {"content": bytes(70_000)}),
    ("post", SECRETS, 200, {"json": {"expires_after": {"seconds": 60}}}),
    ("post", SECRETS, 400, {"json": {"expires_after": {"seconds": 1}}}),
    ("post", SECRETS, 404, {"json": {"session": {"model": "nobody"}}}),
    ("post", "/v1/realtime/calls", 404, {"content": b"v=0"}),
]
BEFORE: dict[str, tuple[str, dict[str, Any]]] = {
    f"{MODELS}/update/cancel": ("/vdx/models/tone/update?source=bell", {}),
    f"{VOICES}/{{voice}}": (VOICES, CLONE),
}
"""What is asked first, where an operation needs it."""
NO_KEY = {"headers": {"Authorization": "Bearer wrong"}}
FOREIGN = {"headers": {"Origin": "https://evil.example"}}


def conforms(document: dict[str, Any], method: str, path: str, answer: Any) -> None:
    """Fails unless status, media type and content are what the document says."""
    told = document["paths"][path][method]["responses"][str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = told[media_type]["schema"]
    if media_type == "application/json":
        whole = schema | {"components": document["components"]}
        jsonschema_rs.validator_for(whole).validate(answer.json())
    elif media_type == "text/event-stream":
        events = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
        assert all(json.loads(each)["type"] for each in events)
        assert events


@pytest.mark.parametrize(
    ("method", "path", "status", "sent"), ASKED, ids=[f"{a[1]} {a[2]}" for a in ASKED]
)
def test_answers_are_what_the_document_says(
    client: TestClient,
    document: dict[str, Any],
    method: str,
    path: str,
    status: int,
    sent: dict[str, Any],
) -> None:
    if path in BEFORE:
        before, body = BEFORE[path]
        assert client.post(before, **body).status_code == 200
    asked = path.replace("{name}", "tone").replace("{voice}", "jo")
    answer = client.request(method, asked, **sent)
    assert answer.status_code == status, answer.text
    conforms(document, method, path.replace("nobody", "{voice}"), answer)


def test_every_operation_is_asked(document: dict[str, Any]) -> None:
    told = {(method, path) for path, methods in document["paths"].items() for method in methods}
    asked = {(method, path) for method, path, status, _ in ASKED if status == 200}
    # The first refuses whoever asks; the other needs a recogniser that translates, which
    # tests/server/test_recordings.py has.
    refusing = {("post", "/v1/realtime/calls"), ("post", TRANSLATIONS)}
    assert asked | refusing == told


def test_refusals_are_what_the_document_says(client: TestClient, document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            url = path.replace("{name}", "nobody")
            for status, headers in ((401, NO_KEY), (403, FOREIGN)):
                if str(status) in operation["responses"]:
                    answer = client.request(method, url, **headers)
                    assert answer.status_code == status
                    conforms(document, method, path, answer)
            if "{name}" in path:
                answer = client.request(method, url)
                assert answer.status_code == 404
                conforms(document, method, path, answer)


def test_examples_are_valid(document: dict[str, Any]) -> None:
    for path in (SPEECH, TRANSCRIPTIONS, "/token"):
        (content,) = document["paths"][path]["post"]["requestBody"]["content"].values()
        whole = content["schema"] | {"components": document["components"]}
        name = whole.get("$ref", "").rpartition("/")[2]
        examples = document["components"]["schemas"].get(name, whole)["examples"]
        for example in examples:
            jsonschema_rs.validator_for(whole).validate(example)
        assert examples


def test_the_page_shows_every_operation_and_runs_nothing(document: dict[str, Any]) -> None:
    shown = page(document, "http://127.0.0.1:8080")
    assert all(path in shown for path in document["paths"])
    curl = (
        "curl http://127.0.0.1:8080/v1/audio/transcriptions -F file=@hello.mp3 -F model=whisper-1"
    )
    assert curl in shown
    assert "0.25" in shown
    assert "<script" not in shown
    assert "http" not in shown.replace("http://127.0.0.1:8080", "").lower().replace("http api", "")
