"""Who may begin a conversation, what is said first, and how an operator ends one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.unit.test_app import hosted
from vdx.core.api_keys import StoredKey, add_key, digest
from vdx.core.config import LogConfig
from vdx.core.logs import configure
from vdx.serving.routing import OVERLOADED
from vdx.transports.http.application import create_app


@pytest.fixture
def client() -> Iterator[TestClient]:
    """A loaded application with two profiles and room for one conversation."""
    profiles = {
        "vdx": {"greeting": "Hello."},
        "long": {"instructions": "Be long."},
        "kept": {"record_calls": True, "consent": "We record.", "greeting": "Hello."},
    }
    limits = {"server": {"max_sessions": 1}, "routing": {"wait_ms": 0}}
    _, host = hosted(profiles=profiles, **limits)
    with TestClient(create_app(host), "http://127.0.0.1:8080") as client:
        assert client.portal is not None
        client.portal.call(host.load_defaults)
        yield client
        client.portal.call(host.close)


@pytest.mark.parametrize(
    ("query", "greeting"),
    [
        ("", "Hello."),
        ("?greeting=Good+day.", "Good day."),
        ("?greeting=", ""),
        ("?model=kept&greeting=Good+day.", "We record. Good day."),
        ("?model=kept&greeting=", "We record."),
    ],
    ids=["profile", "client", "none", "recorded, client", "recorded, none"],
)
def test_a_client_may_name_the_greeting(client: TestClient, query: str, greeting: str) -> None:
    with client.websocket_connect(f"ws://127.0.0.1:8080/v1/realtime{query}") as socket:
        assert socket.receive_json()["type"] == "session.created"
        sessions = client.app.state.host.sessions  # type: ignore[attr-defined]
        (session,) = sessions.values()
        assert session.options.greeting == greeting


def test_what_is_only_transcribed_is_not_recorded(client: TestClient) -> None:
    """Nothing is said in such a session, that it is recorded neither."""
    path = "/v1/realtime?model=kept&intent=transcription"
    with client.websocket_connect(f"ws://127.0.0.1:8080{path}") as socket:
        assert socket.receive_json()["type"] == "session.created"
        sessions = client.app.state.host.sessions  # type: ignore[attr-defined]
        (session,) = sessions.values()
        assert session.options.recorded is False


def test_the_log_has_the_key_of_a_conversation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who rotates a key must see whether somebody uses the old one."""
    path = tmp_path / "keys.json"
    add_key(path, StoredKey(name="shop", sha256=digest("a-key"), scopes=("talk",)))
    _, host = hosted(server={"api_keys_file": path})
    with TestClient(create_app(host), "http://127.0.0.1:8080") as client:
        assert client.portal is not None
        client.portal.call(host.load_defaults)
        configure(LogConfig(level="debug", format="json"))
        headers = {"Authorization": "Bearer a-key"}
        url = "ws://127.0.0.1:8080/v1/realtime"
        with client.websocket_connect(url, headers=headers) as socket:
            assert socket.receive_json()["type"] == "session.created"
        client.portal.call(host.close)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "{" in line]
    (line,) = [each for each in lines if each["event"] == "request"]
    assert (line["path"], line["status"], line["key"]) == ("/v1/realtime", "accepted", "shop")


def test_a_greeting_has_an_end(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as refusal:
        client.websocket_connect(
            f"ws://127.0.0.1:8080/v1/realtime?greeting={'x' * 1001}"
        ).__enter__()
    assert refusal.value.status_code == 413


def test_a_refusal_is_told_as_the_socket_would(client: TestClient) -> None:
    assert client.get("/vdx/admission").json() == {"profile": "vdx"}
    assert client.get("/vdx/admission?model=long").json() == {"profile": "long"}
    assert client.get("/vdx/admission?model=gpt-realtime").json() == {"profile": "vdx"}
    answer = client.get("/vdx/admission?model=nosuch")
    assert answer.status_code == 404
    assert "long" in answer.json()["error"]["message"]
    with pytest.raises(WebSocketDenialResponse) as refusal:
        client.websocket_connect("ws://127.0.0.1:8080/v1/realtime?model=nosuch").__enter__()
    assert refusal.value.json() == answer.json()


def test_a_full_server_says_so_and_an_operator_makes_room(client: TestClient) -> None:
    with client.websocket_connect("ws://127.0.0.1:8080/v1/realtime?model=long") as socket:
        created = socket.receive_json()["session"]["id"]
        full = client.get("/vdx/admission")
        assert (full.status_code, full.json()["error"]["retryable"]) == (503, True)
        (session,) = client.get("/vdx/sessions").json()["sessions"]
        assert (session["profile"], session["gap_ms"]) == ("long", None)
        ended = client.post(f"/vdx/sessions/{session['id']}/end")
        assert ended.json() == {"ended": created.removeprefix("sess_")}
        message: dict[str, Any] = {}
        while message.get("type") != "websocket.close":
            message = dict(socket.receive())
        assert message["reason"] == "ended_by_operator"
    assert client.get("/vdx/admission").status_code == 200


def test_the_profiles_tell_what_a_conversation_begins_with(client: TestClient) -> None:
    profiles = {each["name"]: each for each in client.get("/vdx/profiles").json()["profiles"]}
    assert list(profiles) == ["vdx", "long", "kept"]
    assert profiles["vdx"]["greeting"] == "Hello."
    assert profiles["long"]["instructions"] == "Be long."
    assert (profiles["long"]["responder"], profiles["long"]["language_model"]) == ("repeat", "")
    assert profiles["long"]["finished_ms"] < profiles["long"]["unfinished_ms"]


def test_a_client_is_told_that_every_server_is_busy(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = client.app.state.host  # type: ignore[attr-defined]
    monkeypatch.setattr(host.client.streams, "in_flight", lambda _: OVERLOADED)
    for refused in (_denied(client, "/v1/realtime"), client.get("/vdx/admission")):
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "servers_busy"
        assert refused.headers["Retry-After"] == "1"


def test_a_transcription_session_does_not_wait_for_a_voice(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = client.app.state.host  # type: ignore[attr-defined]
    busy = {"espeak": OVERLOADED}
    monkeypatch.setattr(host.client.streams, "in_flight", lambda model: busy.get(model, 0))
    assert _denied(client, "/v1/realtime").status_code == 503
    path = "/v1/realtime?intent=transcription"
    with client.websocket_connect(f"ws://127.0.0.1:8080{path}") as socket:
        assert socket.receive_json()["type"] == "session.created"


def test_a_session_waits_for_the_voice_of_its_client_secret(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = client.app.state.host  # type: ignore[attr-defined]
    assert client.portal is not None
    client.portal.call(host.models.load, "tone")
    monkeypatch.setattr(
        host.client.streams, "in_flight", lambda model: OVERLOADED if model == "tone" else 0
    )
    wanted = {"session": {"audio": {"output": {"voice": "tone"}}}}
    secret = client.post("/v1/realtime/client_secrets", json=wanted).json()["value"]
    headers = {"Authorization": f"Bearer {secret}"}
    assert _denied(client, "/v1/realtime", headers).status_code == 503
    with client.websocket_connect("ws://127.0.0.1:8080/v1/realtime"):
        pass


def _denied(
    client: TestClient, path: str, headers: dict[str, str] | None = None
) -> WebSocketDenialResponse:
    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect(f"ws://127.0.0.1:8080{path}", headers=headers or {}),
    ):
        pass
    return denied.value
