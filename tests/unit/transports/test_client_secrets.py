"""Short-lived keys for browsers, and the ways into the Realtime protocol that are refused."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from tests.unit.test_app import hosted
from tests.unit.transports.test_known_keys import stored
from vdx.core.api_keys import StoredKey, digest, revoke_key
from vdx.core.errors import SessionLimit
from vdx.transports import client_secrets
from vdx.transports.client_secrets import ClientSecrets
from vdx.transports.http.application import create_app
from vdx.transports.realtime.endpoint import begun, settings_for
from vdx.transports.realtime.schema import session_update

KEY = "a-key-of-24-characters.."
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
PATH = "/v1/realtime/client_secrets"


def server() -> TestClient:
    _, host = hosted(server={"api_keys": [KEY]})
    return TestClient(create_app(host), base_url="http://127.0.0.1:8080")


def denial(client: TestClient, path: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the error with which a WebSocket is refused."""
    opening = client.websocket_connect(f"ws://127.0.0.1:8080{path}", **options)
    with pytest.raises(WebSocketDenialResponse) as refused, opening:
        pass
    answer = refused.value
    return answer.status_code, answer.json()["error"]


def test_a_secret_says_what_its_session_begins_with() -> None:
    client = server()
    body = {
        "expires_after": {"seconds": 60},
        "session": {
            "type": "realtime",
            "model": "gpt-realtime",
            "instructions": "Be brief.",
            "audio": {"output": {"voice": "marin", "speed": 1.5}},
        },
    }
    assert client.post(PATH, json=body).status_code == 401
    answer = client.post(PATH, json=body, headers=AUTHORIZED)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    made = answer.json()
    assert made["value"].startswith("ek_")
    assert made["session"]["instructions"] == "Be brief."
    assert made["session"]["audio"]["output"]["speed"] == 1.5
    # A secret opens sockets, and nothing else.
    bearer = {"Authorization": f"Bearer {made['value']}"}
    assert client.post(PATH, json={}, headers=bearer).status_code == 401
    assert client.get("/vdx/status", headers=bearer).status_code == 401


def test_a_browser_is_let_in_by_its_secret_alone() -> None:
    client = server()
    value = client.post(PATH, headers=AUTHORIZED).json()["value"]
    for given, status in [(value, 503), ("ek_other", 401), (KEY, 503)]:
        carried = ["realtime", f"openai-insecure-api-key.{given}"]
        # The models of this server are not loaded: an authorised request is refused for that.
        assert denial(client, "/v1/realtime", subprotocols=carried)[0] == status


def test_a_secret_may_what_its_key_may_by_now(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    stored(file, KEY)
    _, host = hosted(server={"api_keys_file": file})
    app = create_app(host)
    client = TestClient(app, base_url="http://127.0.0.1:8080")
    value = client.post(PATH, headers=AUTHORIZED).json()["value"]
    carried = ["realtime", f"openai-insecure-api-key.{value}"]
    assert denial(client, "/v1/realtime", subprotocols=carried)[0] == 503, "let in, not loaded"
    revoke_key(file, KEY)
    stored(file, KEY, scopes=("speak",))
    app.state.guard.keys.look()
    assert denial(client, "/v1/realtime", subprotocols=carried)[0] == 403
    revoke_key(file, KEY)
    app.state.guard.keys.look()
    assert denial(client, "/v1/realtime", subprotocols=carried)[0] == 401


@pytest.mark.parametrize(
    ("session", "param"),
    [
        ({"colour": "blue"}, "session.colour"),
        ({"type": "psychic"}, "session.type"),
        ({"model": "no-such-profile"}, "model"),
    ],
    ids=["key", "type", "model"],
)
def test_a_session_that_cannot_be_is_refused_when_the_secret_is_made(
    session: dict[str, Any], param: str
) -> None:
    answer = server().post(PATH, json={"session": session}, headers=AUTHORIZED)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] == param


def test_secrets_expire_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(client_secrets, "MOST", 2)
    secrets = ClientSecrets(lambda: now[0])
    first = secrets.create({}, 10)
    secrets.create({}, 100)
    assert secrets.find(first.value) == first
    with pytest.raises(SessionLimit):
        secrets.create({}, 10)
    now[0] += 10
    assert secrets.find(first.value) is None
    assert secrets.create({}, 10).value != first.value


def test_no_key_takes_the_secrets_or_the_memory_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_secrets, "MOST_OF_A_KEY", 1)
    monkeypatch.setattr(client_secrets, "MOST_BYTES", 100)
    one, other = (
        StoredKey(name=name, sha256=digest(name), scopes=("talk",)) for name in ("one", "other")
    )
    secrets = ClientSecrets()
    secrets.create({}, 10, one)
    with pytest.raises(SessionLimit, match="of this key"):
        secrets.create({}, 10, one)
    secrets.create({"instructions": "x" * 50}, 10, other)
    with pytest.raises(SessionLimit):
        secrets.create({"instructions": "x" * 50}, 10)
    secrets.create({}, 10)


def test_a_secret_of_a_session_with_replies_opens_no_transcription() -> None:
    client = server()
    value = client.post(PATH, headers=AUTHORIZED).json()["value"]
    bearer = {"Authorization": f"Bearer {value}"}
    status, error = denial(client, "/v1/realtime?intent=transcription", headers=bearer)
    assert (status, error["param"]) == (400, "intent")


async def test_a_session_greets_as_its_secret_wants() -> None:
    """What a secret says holds before the first word, unless a model has to be loaded for it."""
    _, host = hosted(profiles={"vdx": {"greeting": "Good morning."}, "tones": {"voice": "tone"}})
    await host.load_defaults()
    first = session_update({"type": "realtime", "audio": {"output": {"voice": "tone"}}})
    settings, left = await begun(host, settings_for(host, host.profiles.options("")), first)
    assert (settings.options.voice, left) == ("tone", None)
    await host.manager.unload("tone")
    settings, left = await begun(host, settings_for(host, host.profiles.options("")), first)
    assert (settings.options.voice, left) == ("espeak", first)
    await host.close()


def test_a_websocket_of_another_path_is_not_found() -> None:
    status, error = denial(server(), "/v1/realtme")
    assert (status, error["code"]) == (404, "not_found")
    assert "/v1/realtime" in error["message"]


def test_calls_by_sdp_are_refused_with_the_way_through_livekit() -> None:
    client = server()
    answer = client.post("/v1/realtime/calls", content=b"v=0", headers=AUTHORIZED)
    assert answer.status_code == 404
    assert "POST /token" in answer.json()["error"]["message"]
    status, error = denial(client, "/v1/realtime?call_id=rtc_1", headers=AUTHORIZED)
    assert (status, error["param"]) == (400, "call_id")


def test_the_beta_form_is_refused_however_a_browser_names_it() -> None:
    carried = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
    status, error = denial(server(), "/v1/realtime", subprotocols=carried)
    assert (status, error["param"]) == (400, "OpenAI-Beta")
