"""The application's answers to browsers: who may read them, and how they may be taken."""

import platform
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient

from tests.unit.test_app import hosted
from vdx import __version__
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest
from vdx.transports.http.application import create_app

KEY = "a-key-of-24-characters.."
OTHER_PAGE = "https://app.example"


def browser(**server: Any) -> TestClient:
    _, host = hosted(server=server)
    return TestClient(
        create_app(host), base_url="http://127.0.0.1:8080", raise_server_exceptions=False
    )


def test_a_refusal_for_want_of_a_key_says_how_to_give_one() -> None:
    answer = browser(api_keys=[KEY]).get("/vdx/status")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/vdx/page", "/vdx/status", "/metrics", "/nothing"]
)
def test_no_answer_is_guessed_a_type_for(path: str) -> None:
    assert browser().get(path).headers.get_list("x-content-type-options") == ["nosniff"]


def test_a_failure_of_vdx_itself_is_not_guessed_a_type_for(monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser()
    monkeypatch.setattr(client.app.state.host, "status", lambda: 1 / 0)  # type: ignore[attr-defined]
    answer = client.get("/vdx/status")
    assert (answer.status_code, answer.headers["x-content-type-options"]) == (500, "nosniff")


def preflight(client: TestClient, origin: str) -> Any:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-stainless-lang",
    }
    return client.options("/v1/audio/speech", headers=headers)


def test_pages_that_were_allowed_may_read_answers() -> None:
    client = browser(api_keys=[KEY], allowed_origins=[OTHER_PAGE])
    asked = preflight(client, OTHER_PAGE)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == OTHER_PAGE
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    key = {"Authorization": f"Bearer {KEY}"}
    answer = client.get("/vdx/status", headers={"Origin": OTHER_PAGE, **key})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == OTHER_PAGE
    assert "Origin" in answer.headers["vary"]
    # A refusal may be read too: the page must be able to say what is wrong.
    refusal = client.get("/vdx/status", headers={"Origin": OTHER_PAGE})
    assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (
        401,
        OTHER_PAGE,
    )
    assert "Origin" in client.get("/vdx/page").headers["vary"]


def test_other_pages_may_not() -> None:
    client = browser(allowed_origins=[OTHER_PAGE])
    for origin in ("https://evil.example", "null", f"{OTHER_PAGE}.evil.example"):
        assert "access-control-allow-origin" not in preflight(client, origin).headers
        answer = client.get("/vdx/status", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    assert preflight(browser(), OTHER_PAGE).status_code == 405


def test_the_public_url_is_what_the_document_shows() -> None:
    proxied = browser(api_keys=[KEY], public_url="https://voice.example.com")
    answer = proxied.get("/docs", headers={"Host": "voice.example.com"})
    assert "curl https://voice.example.com/v1/models" in answer.text.replace("-X POST ", "")
    assert proxied.get("/readyz", headers={"Host": "voice.example.com"}).status_code == 503
    assert proxied.get("/readyz", headers={"Host": "evil.example"}).status_code == 403


def test_nothing_of_a_body_is_read_before_the_key_is_checked() -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    audio = ("speech", "transcriptions", "translations")
    for path in (*(f"/v1/audio/{name}" for name in audio), "/token"):
        answer = browser(api_keys=[KEY]).post(path, content=body())
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def counted(**labels: str) -> float:
    return REGISTRY.get_sample_value("vdx_http_requests_total", labels) or 0.0


def test_requests_are_counted_by_route_and_never_by_path() -> None:
    client = browser(api_keys=[KEY])
    made_up = {"method": "GET", "route": "none", "status": "404"}
    refused = {"method": "GET", "route": "/vdx/status", "status": "401"}
    before = counted(**made_up), counted(**refused)
    wrong_keys = REGISTRY.get_sample_value("vdx_keys_refused_total", {"code": "unauthorized"}) or 0
    for path in ("/made-up", "/made-up/too", "/vdx/status"):
        client.get(path)
    assert (counted(**made_up), counted(**refused)) == (before[0] + 2, before[1] + 1)
    found = REGISTRY.get_sample_value("vdx_keys_refused_total", {"code": "unauthorized"})
    assert found == wrong_keys + 1


def test_metrics_name_the_version() -> None:
    text = browser().get("/metrics").text
    assert (
        f'vdx_build_info{{python="{platform.python_version()}",version="{__version__}"}} 1.0'
        in text
    )


# --- speech -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("support", "Ask about engine x."),
        ("tts-1", "Ask about nginx."),
        ("tone", "Ask about nginx."),
    ],
)
async def test_the_words_of_a_profile_are_said_its_way(model: str, said: str) -> None:
    profile = {"voice": "tone", "pronunciation": {"nginx": "engine x"}}
    triton, host = hosted(profiles={"vdx": {"voice": "tone"}, "support": profile})
    await host.load_defaults()
    texts, synthesize = list[str](), triton.synthesize

    def heard(model: str, request: SynthesisRequest) -> Any:
        texts.append(request.text)
        return synthesize(model, request)

    triton.synthesize = heard  # type: ignore[method-assign]
    transport = httpx2.ASGITransport(create_app(host))
    asked = {"model": model, "input": "Ask about nginx.", "response_format": "pcm"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        assert (await client.post("/v1/audio/speech", json=asked)).status_code == 200
    assert texts == [said]


@pytest.mark.parametrize(
    ("can", "instructions", "status", "speaker"),
    [
        (True, "sadly", 200, "jo:sadly"),
        (True, None, 200, "jo"),
        (True, "x" * 151, 400, ""),
        (False, "x" * 151, 200, "jo"),
    ],
    ids=["followed", "none", "too long", "not followed"],
)
async def test_instructions_go_to_a_voice_that_takes_them(
    can: bool, instructions: str | None, status: int, speaker: str
) -> None:
    triton, host = hosted(profiles={"vdx": {"voice": "tone"}})
    speakers, synthesize, describe = list[str](), triton.synthesize, triton.describe

    async def described(model: str) -> ModelInfo:
        more = {"emotive_zero_prompt"} if can else set[str]()
        return replace(await describe(model), capabilities=frozenset(more))

    def heard(model: str, request: SynthesisRequest) -> Any:
        speakers.append(request.speaker)
        return synthesize(model, request)

    triton.describe = described  # type: ignore[method-assign]
    triton.synthesize = heard  # type: ignore[method-assign]
    await host.load_defaults()
    transport = httpx2.ASGITransport(create_app(host))
    asked = {"input": "Hello.", "voice": "tone/jo", "instructions": instructions}
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        wanted = asked | {"model": "vdx", "response_format": "pcm"}
        answer = await client.post("/v1/audio/speech", json=wanted)
    assert answer.status_code == status, answer.text
    assert speakers == ([speaker] if speaker else [])
    if status == 400:
        assert answer.json()["error"]["param"] == "instructions"
