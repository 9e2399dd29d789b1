"""Settings that are checked beyond their type, and secrets that no message shows."""

from pathlib import Path
from typing import Any

import pytest

from vdx.core.errors import ConfigError, RoomError
from vdx.core.masking import masked
from vdx.core.settings import leaves, load

KEY = "a-key-of-24-characters.."
OTHER = "another-of-24-characters"


def told(folder: Path, text: str = "", **environ: str) -> str:
    """The refusal of a configuration."""
    file = folder / "vdx.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refusal:
        load(file, environ=environ)
    return str(refusal.value)


@pytest.mark.parametrize("keys", ['[""]', "['   ']", "[a]", "[fifteen-chars--]", f'["{KEY}\\n"]'])
def test_an_api_key_that_is_empty_blank_or_short_is_refused(tmp_path: Path, keys: str) -> None:
    said = told(tmp_path, f"server: {{api_keys: {keys}}}")
    assert said.startswith("configuration key server.api_keys.0: ")
    assert "got" not in said
    assert told(tmp_path, VDX_SERVER__API_KEYS=keys).startswith("configuration key server.api_keys")


def test_a_variable_without_a_value_is_no_key(tmp_path: Path) -> None:
    assert "server.api_keys.0: is empty" in told(tmp_path, VDX_SERVER__API_KEYS="")
    assert "server.api_keys.1: is empty" in told(tmp_path, VDX_SERVER__API_KEYS=f"{KEY},")


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        (KEY, [KEY]),
        (f"{KEY},{OTHER}", [KEY, OTHER]),
        (f"{KEY}, {OTHER}", [KEY, OTHER]),
        (f"[{KEY}, '{OTHER}']", [KEY, OTHER]),
        (f"'{KEY}'", [KEY]),
        ("0123456789012345678", ["0123456789012345678"]),
        ("@*!: key#with{yaml}", []),
        ("@*!:key#with{yaml}in", ["@*!:key#with{yaml}in"]),
    ],
)
def test_keys_from_the_environment(given: str, keys: list[str]) -> None:
    if not keys:
        with pytest.raises(ConfigError, match="without spaces"):
            load(environ={"VDX_SERVER__API_KEYS": given})
        return
    loaded = load(environ={"VDX_SERVER__API_KEYS": given}).config.server.api_keys
    assert [key.get_secret_value() for key in loaded] == keys


def test_one_text_or_a_comma_list_is_taken_for_any_list() -> None:
    env = {
        "VDX_MODEL_MANAGER__PRELOAD_MODEL_IDS": "tone, canned",
        "VDX_SERVER__ALLOWED_ORIGINS": "https://a.example,http://b.example:81",
    }
    config = load(environ=env).config
    assert config.model_manager.preload_model_ids == ("tone", "canned")
    assert config.server.allowed_origins == ("https://a.example", "http://b.example:81")


@pytest.mark.parametrize(
    "text",
    [
        "server: {api_keys: hunter2}",
        "server: {api_keys: {hunter2: 1}}",
        "server: {api_keys: [{a: hunter2}]}",
        "server: {api_keys: [1, hunter2]}",
        "server: hunter2",
        "server: [hunter2]",
        "livekit: {api_secret: [hunter2]}",
        "livekit: {api_secret: ' hunter2'}",
        "livekit: hunter2",
        "[hunter2]",
        "hunter2",
        "server: {api_keys: [hunter2",
        "server: {api_keys: *hunter2}",
        "server: {api_keys: [hunter2: b: c]}",
        "responder: {chat: {api_key_env: sk-hunter2}}",
    ],
)
def test_no_refusal_shows_a_secret(tmp_path: Path, text: str) -> None:
    said = told(tmp_path, text)
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "environ",
    [
        {"VDX_SERVER__API_KEYS": "hunter2"},
        {"VDX_SERVER__API_KEYS": "[hunter2"},
        {"VDX_SERVER__API_KEYS": "{a: hunter2}"},
        {"VDX_SERVER__API_KEY": "[hunter2"},
        {"VDX_SERVER__API_KEYS__X": "hunter2"},
        {"VDX_LIVEKIT__API_SECRET": "[hunter2]"},
        {"VDX_LIVEKIT__API_SECRET": "'hunter2"},
        {"VDX_SERVER": "hunter2"},
    ],
)
def test_no_variable_shows_a_secret(tmp_path: Path, environ: dict[str, str]) -> None:
    assert "hunter2" not in told(tmp_path, **environ)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "allowed_origins", [""]),
        ("server", "allowed_origins", ["app.example"]),
        ("server", "allowed_origins", ["https://app.example/"]),
        ("server", "allowed_origins", ["https://user@app.example"]),
        ("server", "public_url", "voice.example.com"),
        ("server", "public_url", "https://voice.example.com/vdx"),
        ("server", "public_url", "ftp://voice.example.com"),
        ("server", "public_url", "https://voice.example.com:port"),
        ("server", "trusted_proxies", ["*"]),
        ("server", "trusted_proxies", ["proxy.example"]),
        ("livekit", "api_secret", "   "),
    ],
)
def test_values_that_cannot_be_meant_are_refused(section: str, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"configuration key {section}\.{key}"):
        load(flags={f"{section}.{key}": value, "server.api_keys": [KEY]}, environ={})


def test_a_public_url_needs_a_key() -> None:
    with pytest.raises(ConfigError, match=r"public_url.*server\.api_keys"):
        load(flags={"server.public_url": "https://voice.example.com"}, environ={})
    flags = {"server.public_url": "https://Voice.example.com/", "server.api_keys": [KEY]}
    assert load(flags=flags, environ={}).config.server.public_url == "https://voice.example.com"


def test_passwords_in_urls_are_masked() -> None:
    flags = {
        "responder.chat.base_url": "https://me:hunter2@chat.example/v1",
        "livekit.url": "wss://me:hunter2@rooms.example",
        "triton.url": "grpc://hunter2@triton.example:1",
    }
    shown = dict(leaves(load(flags=flags, environ={}).config))
    assert "hunter2" not in str(shown)
    assert shown["responder.chat.base_url"] == "https://***@chat.example/v1"
    assert "hunter2" not in str(RoomError("no server at wss://me:hunter2@rooms.example yet"))
    assert (
        masked("mail me@example.com about http://x/y@z") == "mail me@example.com about http://x/y@z"
    )
