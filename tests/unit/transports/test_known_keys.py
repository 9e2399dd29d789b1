"""Keys of a file: what each may, how much of it, and how they are changed while a server runs."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient, WebSocketDenialResponse
from typer.testing import CliRunner

from tests.unit.test_app import hosted
from vdx.cli.main import app as cli
from vdx.core.api_keys import PREFIX, KeyFile, StoredKey, add_key, digest, read_keys
from vdx.core.config import ServerConfig
from vdx.core.errors import ConfigError, Forbidden, RateLimited, SessionLimit, Unauthorized
from vdx.transports.http.application import create_app
from vdx.transports.known_keys import DAY_S, KnownKeys
from vdx.transports.security import Guard

FIXED = "a-key-of-the-settings"


def keys(*arguments: str) -> str:
    answer = CliRunner().invoke(cli, ["keys", *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.stdout.strip()


def stored(path: Path, key: str = "k", **changes: Any) -> StoredKey:
    wanted = {"name": key, "sha256": digest(key), "scopes": ("talk",), **changes}
    made = StoredKey.model_validate(wanted)
    add_key(path, made)
    return made


def test_a_key_is_printed_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    path = tmp_path / "made" / "keys.json"
    key = keys("add", "shop", "--scope", "talk,speak", "--per-day", "9", "--file", str(path))
    assert key.startswith(PREFIX)
    assert key not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (kept,) = read_keys(path).keys
    assert (kept.name, kept.sha256, kept.scopes) == ("shop", digest(key), ("talk", "speak"))
    assert "shop  talk, speak" in keys("list", "--file", str(path))
    assert "9 a day" in keys("list", "--file", str(path))
    keys("revoke", "shop", "--file", str(path))
    assert read_keys(path).keys == ()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["add", "shop"], "already"),
        (["add", "other", "--scope", "sing"], "scopes"),
        (["add", "two words"], "name"),
        (["revoke", "nobody"], "no key 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    path = tmp_path / "keys.json"
    stored(path, "shop")
    answer = CliRunner().invoke(cli, ["keys", *arguments, "--file", str(path)])
    assert told in str(answer.exception)
    assert [key.name for key in read_keys(path).keys] == ["shop"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "vdx keys add"),
        ("{", "no JSON"),
        ("[" * 200_000, "no JSON"),
        ('{"keys": [{}]}', "keys.0.name"),
        ("[]", "valid dict"),
    ],
    ids=["absent", "broken", "deep", "incomplete", "a list"],
)
def test_a_server_does_not_start_with_a_file_that_is_none(
    tmp_path: Path, text: str | None, told: str
) -> None:
    path = tmp_path / "keys.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        Guard(ServerConfig(api_keys_file=path))


def test_each_key_may_do_what_it_is_for(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    given = {
        name: keys("add", name, "--scope", name, "--file", str(path))
        for name in ("talk", "speak", "admin")
    }
    _, host = hosted(server={"api_keys": [FIXED], "api_keys_file": path})
    client = TestClient(create_app(host), base_url="http://127.0.0.1:8080")

    def status(path: str, key: str) -> int:
        return client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code

    assert [status("/metrics", key) for key in (*given.values(), FIXED, "vdx_wrong")] == [
        403,
        403,
        200,
        200,
        401,
    ]
    assert [status("/vdx/status", key) for key in given.values()] == [200, 200, 200]
    body: dict[str, Any] = {}
    refused = client.post(
        "/v1/audio/speech", json=body, headers={"Authorization": f"Bearer {given['talk']}"}
    )
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "this key may talk, and not speak"


def test_a_changed_file_counts_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    stored(path, "one")
    known = KnownKeys((), path)
    assert known.find("one")
    stored(path, "two")
    known.look()
    assert known.find("two")
    path.write_text("{")
    known.look()
    assert known.find("two")
    path.write_text(json.dumps({"keys": []}))
    os.utime(path, ns=(1, 1))
    known.look()
    assert known.find("two") is None
    assert known.needed, "without keys nobody is let in"


def test_a_client_secret_may_what_its_key_may_now(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = stored(path, "one")
    guard = Guard(ServerConfig(api_keys_file=path))
    secret = guard.secrets.create({}, 60, key)
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {secret.value}".encode())]
    asking = HTTPConnection({"type": "http", "headers": headers})
    assert guard.admit(asking, "talk", secrets=True) == key
    changed = key.model_copy(update={"scopes": ("speak",)})
    path.write_text(KeyFile(keys=(changed,)).model_dump_json())
    guard.keys.look()
    with pytest.raises(Forbidden):
        guard.admit(asking, "talk", secrets=True)
    path.write_text("{}")
    guard.keys.look()
    with pytest.raises(Unauthorized):
        guard.admit(asking, "talk", secrets=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_root_changes_stays_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    stored(path, "one")
    os.chown(path, 65534, 65534)
    stored(path, "two")
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o600)


def test_a_file_that_is_left_over_lends_its_mode_to_none(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    left = tmp_path / ".keys.json.new"
    left.touch(0o644)
    left.chmod(0o644)
    stored(path, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_requests_of_a_minute_come_back_one_by_one(tmp_path: Path) -> None:
    path, now = tmp_path / "keys.json", 100.0
    key = stored(path, requests_per_minute=2)
    known = KnownKeys((), path, lambda: now)
    known.spend(key)
    known.spend(key)
    with pytest.raises(RateLimited, match="2 requests a minute") as refused:
        known.spend(key)
    assert refused.value.retry_after_s == 31
    now += 31
    known.spend(key)
    with pytest.raises(RateLimited):
        known.spend(key)


def test_requests_of_a_day_come_back_the_next(tmp_path: Path) -> None:
    path, now = tmp_path / "keys.json", DAY_S - 10.0
    key = stored(path, requests_per_day=1)
    known = KnownKeys((), path, lambda: now)
    known.spend(key)
    with pytest.raises(RateLimited) as refused:
        known.spend(key)
    assert refused.value.retry_after_s == 10
    now += 10
    known.spend(key)


def test_a_key_holds_only_so_many_sessions(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = stored(path, sessions=1)
    known = KnownKeys((), path)
    with known.session(key):
        with pytest.raises(SessionLimit, match="1 sessions at once"), known.session(key):
            pass
        with known.session(None):
            pass
    with known.session(key):
        pass


def test_conversations_in_rooms_count_among_the_sessions_of_their_key(tmp_path: Path) -> None:
    """The job of a room names its key by the hash; the application counts it where rooms are."""
    path = tmp_path / "keys.json"
    key = stored(path, sessions=1)
    _, host = hosted(server={"api_keys_file": path})
    app = create_app(host)
    with host.key_sessions(key.sha256):
        with pytest.raises(SessionLimit), host.key_sessions(key.sha256):
            pass
        with pytest.raises(SessionLimit), app.state.guard.keys.session(key):
            pass
        with host.key_sessions(""):
            pass
    with pytest.raises(Unauthorized, match="not valid any more"), host.key_sessions("0" * 64):
        pass


def test_a_worker_without_a_file_of_keys_serves_rooms_of_any_key() -> None:
    """Their tokens come from a server that has checked the key."""
    with KnownKeys((), None).session_of("0" * 64):
        pass


def test_too_many_requests_are_answered_with_when_to_come_back(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key = keys("add", "slow", "--scope", "admin", "--per-minute", "1", "--file", str(path))
    _, host = hosted(server={"api_keys_file": path})
    client = TestClient(create_app(host), base_url="http://127.0.0.1:8080")
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/metrics", headers=headers).status_code == 200
    answer = client.get("/metrics", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 61


def test_a_conversation_needs_a_key_that_may_talk(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    given = {
        name: keys("add", name, "--scope", name, "--file", str(path)) for name in ("talk", "speak")
    }
    _, host = hosted(server={"api_keys_file": path})
    client = TestClient(create_app(host), base_url="http://127.0.0.1:8080")

    def refusal(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect("ws://127.0.0.1:8080/v1/realtime", headers=headers),
        ):
            pass
        return refused.value.status_code

    assert [refusal(key) for key in ("vdx_wrong", given["speak"])] == [401, 403]
    assert refusal(given["talk"]) == 503, "it may; the models of this server are not loaded"


def test_a_request_may_be_counted_while_the_file_is_read(tmp_path: Path) -> None:
    """It is read in a thread, beside the event loop."""
    path = tmp_path / "keys.json"
    stored(path, requests_per_day=2)
    known = KnownKeys((), path)

    class Growing(dict[str, Any]):
        """A key is added while this is gone through."""

        def items(self) -> Any:
            for number, item in enumerate(super().items()):
                yield item
                self[f"other-{number}"] = None

    key = known.find("k")
    assert key is not None
    known.spend(key)
    known._uses = Growing(known._uses)
    stored(path, "other")
    known.look()
    known.spend(key)
    with pytest.raises(RateLimited):
        known.spend(key)
