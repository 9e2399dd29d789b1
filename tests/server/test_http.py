"""The HTTP side, and who may use it."""

import asyncio
import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.processes import WAIT_LIMIT_S, Http, running
from tests.server.talk import talking
from vdx.serving.embedded import EmbeddedTriton

KEYS = ["first-key-of-many", "second-key-of-many"]


def _raw(url: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """A request whose Host header is the test's own."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=WAIT_LIMIT_S)
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_health_and_page(http: Http) -> None:
    assert http.get("/healthz") == (200, "ok")
    assert http.get("/readyz") == (200, "ready")
    code, page = http.get("/")
    assert code == 200
    assert "<title>" in page
    assert http.get("/nothing")[0] == 404
    assert http.post("/healthz")[0] == 405


def test_status_tells_what_new_sessions_use(http: Http) -> None:
    status = http.status()
    assert status["ready"] is True
    assert (status["voice"], status["recogniser"]) == ("tone", "canned")


async def test_metrics_count_turns_and_sessions(server: str, http: Http) -> None:
    before = await asyncio.to_thread(http.metric, "vdx_turns_total")
    async with talking(server) as talk:
        assert await asyncio.to_thread(http.metric, "vdx_sessions") == 1
        await talk.full_turn()
    assert await asyncio.to_thread(http.metric, "vdx_turns_total") == before + 1


def test_models_are_listed_loaded_and_unloaded(http: Http) -> None:
    assert http.post("/vdx/models/tone-spare/load") == (
        200,
        {"loaded": "tone-spare", "kind": "tts"},
    )
    listed = {model["name"]: model for model in http.get("/vdx/models")[1]["models"]}
    assert listed["tone-spare"]["state"] == "READY"
    assert listed["tone-spare"]["family"] == "tone"
    assert listed["tone-spare"]["languages"] == ["*"]
    assert "streaming" in listed["tone-spare"]["capabilities"]
    assert (listed["tone-spare"]["phase"], listed["tone"]["why"]) == ("resident", "profile vdx")
    assert listed["tone-spare"]["memory_mb"] > 1
    assert http.post("/vdx/models/tone-spare/reload") == (
        200,
        {"loaded": "tone-spare", "kind": "tts"},
    )
    assert http.post("/vdx/models/tone-spare/unload")[0] == 200
    listed = {model["name"]: model for model in http.get("/vdx/models")[1]["models"]}
    assert listed["tone-spare"]["state"] in ("UNLOADING", "UNAVAILABLE")


@pytest.mark.parametrize("action", ["load", "unload", "use"])
def test_an_unknown_model_is_not_found(http: Http, action: str) -> None:
    code, answer = http.post(f"/vdx/models/tonne/{action}")
    assert code == 404
    assert "did you mean 'tone'" in answer["error"]["message"]
    assert answer["error"]["code"] == "not_found"


def test_an_unknown_session_is_not_found(http: Http) -> None:
    code, answer = http.post("/vdx/models/tone/use?session=nobody")
    assert code == 404
    assert "nobody" in answer["error"]["message"]


async def test_open_sessions_are_listed(server: str, http: Http) -> None:
    async with talking(server, "long-uh") as talk:
        (session,) = (await asyncio.to_thread(http.get, "/vdx/sessions"))[1]["sessions"]
        assert f"sess_{session['id']}" == talk.of("session.created")[0]["session"]["id"]
        assert (session["state"], session["recogniser"]) == ("idle", "canned-uh")


@pytest.mark.parametrize("path", ["/vdx/status", "/metrics", "/vdx/models", "/"])
def test_a_foreign_page_or_name_is_refused(server: str, path: str) -> None:
    own = urlsplit(server).netloc
    assert _raw(server, path, {"Host": own})[0] == 200
    assert _raw(server, path, {"Host": own, "Origin": server})[0] == 200
    for headers in (
        {"Host": own, "Origin": "http://evil.example"},
        {"Host": own, "Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {},
    ):
        code, body = _raw(server, path, headers)
        assert code == 403, headers
        assert json.loads(body)["error"]["code"] == "forbidden"


@pytest.fixture(scope="module")
def guarded(
    triton: EmbeddedTriton, base_config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server with API keys, an allowed origin, room for two, and no default profile named."""
    own = {"api_keys": KEYS, "allowed_origins": ["https://ok.example"], "max_sessions": 2}
    config = base_config | {"server": own, "profiles": {"fast": {"voice": "tone-fast"}}}
    arguments = ("frontend", "--triton-url", triton.grpc_url, "--port", "0")
    with running(*arguments, home=tmp_path_factory.mktemp("guarded"), config=config) as vdx:
        yield vdx.url()
        assert not [key for key in KEYS if key in vdx.output]


def test_a_key_opens_what_is_closed(guarded: str) -> None:
    http = Http(guarded)
    for path in ("/healthz", "/readyz", "/"):
        assert http.get(path)[0] == 200, path
    for path in ("/vdx/status", "/vdx/models", "/vdx/sessions", "/metrics"):
        assert http.get(path)[0] == 401, path
        assert http.get(path, Authorization="Bearer wrong")[0] == 401, path
        assert http.get(path, Authorization="Bearer schlüssel")[0] == 401, path
        assert http.get(path, Authorization=f"Bearer {KEYS[1]}")[0] == 200, path
    assert http.post("/vdx/models/tone/unload")[0] == 401
    assert (
        http.get("/vdx/status", Authorization=f"Bearer {KEYS[0]}", Origin="https://ok.example")[0]
        == 200
    )


async def test_the_openai_client_needs_the_right_key(guarded: str) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with talking(guarded, api_key="wrong"):
            pass
    answer = refusal.value.response
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with talking(guarded, api_key=KEYS[0]) as talk:
        assert (await talk.full_turn())["response"]["status"] == "completed"


async def test_the_default_profile_needs_no_mention(guarded: str) -> None:
    for name, voice in (("", "tone"), ("vdx", "tone"), ("fast", "tone-fast")):
        async with talking(guarded, name, api_key=KEYS[1]) as talk:
            session = talk.of("session.created")[0]["session"]
            assert session["audio"]["output"]["voice"] == voice


async def test_a_browser_carries_its_key_as_a_subprotocol(guarded: str) -> None:
    address = guarded.replace("http", "ws") + "/v1/realtime"
    protocols = ["realtime", f"openai-insecure-api-key.{KEYS[0]}"]
    headers = {"Origin": "https://ok.example"}
    async with connect(address, subprotocols=protocols, additional_headers=headers) as socket:  # type: ignore[arg-type]  # plain strings are subprotocols
        assert socket.subprotocol == "realtime"
        assert json.loads(await socket.recv())["type"] == "session.created"


async def test_sessions_are_limited(guarded: str) -> None:
    async with talking(guarded, api_key=KEYS[0]), talking(guarded, api_key=KEYS[0]):
        with pytest.raises(InvalidStatus) as refusal:
            async with talking(guarded, api_key=KEYS[0]):
                pass
        assert refusal.value.response.status_code == 503
        assert b"its limit" in refusal.value.response.body
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            try:
                async with talking(guarded, api_key=KEYS[0]):
                    break
            except InvalidStatus:
                await asyncio.sleep(0.05)
