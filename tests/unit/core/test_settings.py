import re
from pathlib import Path

import pytest

from vdx.core.config import Config
from vdx.core.errors import ConfigError
from vdx.core.settings import leaves, load


def written(folder: Path, text: str) -> Path:
    path = folder / "vdx.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    settings = load(environ={})
    assert settings.config == Config()
    assert set(settings.origins.values()) == {"default"}
    assert set(settings.origins) == {key for key, _ in leaves(Config())}


def test_flags_beat_the_environment_beats_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "server: {port: 1, host: '::1', max_sessions: 3}")
    env = {"VDX_SERVER__PORT": "2", "VDX_SERVER__MAX_SESSIONS": "4"}
    settings = load(path, {"server.port": 5, "server.host": None}, env)
    server = settings.config.server
    assert (server.port, server.max_sessions, server.host) == (5, 4, "::1")
    assert settings.origins["server.port"] == "flag"
    assert settings.origins["server.max_sessions"] == "environment"
    assert settings.origins["server.host"] == f"file {path}"
    assert settings.origins["server.api_keys"] == "default"


def test_the_file_is_named_by_the_environment_or_lies_here(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("tts: {voice: other}", encoding="utf-8")
    written(tmp_path, "tts: {voice: here}")
    assert load(environ={}).config.tts.voice == "here"
    assert load(environ={"VDX_CONFIG": str(other)}).config.tts.voice == "other"


@pytest.mark.parametrize(("value", "read"), [("true", True), ("false", False), ("no", False)])
def test_the_environment_has_types(value: str, read: bool) -> None:
    assert load(environ={"VDX_VAD__ENABLED": value}).config.vad.enabled is read


def test_lists_and_tables_from_the_environment() -> None:
    env = {
        "VDX_MODEL_MANAGER__PRELOAD_MODEL_IDS": "[a, b]",
        "VDX_VAD__NOISE_GATE__MIN_THRESHOLD": "150",
        "VDX_BARGE_IN__INTERRUPT_WORDS": "{en: [halt]}",
    }
    config = load(environ=env).config
    assert config.model_manager.preload_model_ids == ("a", "b")
    assert config.vad.noise_gate.min_threshold == 150
    assert config.barge_in.interrupt_words == {"en": ("halt",)}


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("serve: {}", "serve", "server"),
        ("server: {prot: 1}", "server.prot", "server.port"),
        ("vad: {noise_gate: {percentil: 1}}", "vad.noise_gate.percentil", "percentile"),
        ("profiles: {mine: {voic: x}}", "profiles.mine.voic", "profiles.mine.voice"),
        ("profiles: {mine: {vad: {enable: true}}}", "profiles.mine.vad.enable", "enabled"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(
    tmp_path: Path, text: str, key: str, near: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{key} does not exist; did you mean .*{near}\?"):
        load(written(tmp_path, text), environ={})


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("server: {port: 70000}", "server.port", "70000"),
        ("server: {port: many}", "server.port", "'many'"),
        ("tts: {speed: 5}", "tts.speed", "5"),
        ("vad: {sample_rate: 8000}", "vad.sample_rate", "8000"),
        ("vad: loud", "vad", "'loud'"),
        ("log: {level: chatty}", "log.level", "'chatty'"),
        ("model_manager: {resident_cap: 0}", "model_manager.resident_cap", "0"),
        (
            f"profiles: {{vdx: {{hot_words: [{'cappuccino, ' * 90}]}}}}",
            "profiles.vdx.hot_words",
            r"\['cappuccino'",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_bad_value_is_named_with_its_key(tmp_path: Path, text: str, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"key {key}: .*got {value}"):
        load(written(tmp_path, text), environ={})


def test_unknown_keys_of_other_sources() -> None:
    with pytest.raises(ConfigError, match=r"server\.prot does not exist"):
        load(environ={"VDX_SERVER__PROT": "1"})
    with pytest.raises(ConfigError, match=r"serve does not exist; did you mean server\?"):
        load(environ={"VDX_SERVE__PORT": "1"})
    with pytest.raises(ConfigError, match=r"server\.prot does not exist"):
        load(flags={"server.prot": 1}, environ={})
    with pytest.raises(ConfigError, match=r"VDX_PORT: .*VDX_SECTION__KEY"):
        load(environ={"VDX_PORT": "1"})


def test_reserved_variables_are_no_keys() -> None:
    env = {"VDX_HOME": "/somewhere", "VDX_API_KEY": "secret", "PATH": "/bin"}
    assert load(environ=env).config == Config()


@pytest.mark.parametrize(
    ("text", "problem"), [("a: [", "not YAML"), ("- 1", "must hold a mapping"), ("x", "mapping")]
)
def test_a_file_that_holds_something_else(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(written(tmp_path, text), environ={})


def test_an_empty_file_and_one_that_is_not_there(tmp_path: Path) -> None:
    assert load(written(tmp_path, ""), environ={}).config == Config()
    with pytest.raises(ConfigError, match=r"gone\.yaml: No such file"):
        load(tmp_path / "gone.yaml", environ={})


@pytest.mark.parametrize(
    "env",
    [
        {"VDX_SERVER__PORT": "1", "VDX_SERVER__PORT__X": "2"},
        {"VDX_SERVER": "1"},
        {"VDX_SERVER__HOST": "["},
        {"VDX_SERVER__": "1"},
    ],
)
def test_a_variable_that_fits_nowhere_is_a_configuration_error(env: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        load(environ=env)


def test_secrets_are_masked(tmp_path: Path) -> None:
    settings = load(written(tmp_path, "server: {api_keys: [hunter2-hunter2-hunter2]}"), environ={})
    assert settings.config.server.api_keys[0].get_secret_value() == "hunter2-hunter2-hunter2"
    assert "hunter2-hunter2-hunter2" not in str(leaves(settings.config))


@pytest.mark.parametrize(
    ("old", "value", "told"),
    [
        (
            "livekit.drain_timeout_seconds",
            5,
            "livekit.drain_timeout_seconds is now called server.drain_timeout_seconds",
        ),
        (
            "livekit.echo_cancellation",
            True,
            "livekit.echo_cancellation is now called echo_control.cancellation",
        ),
        (
            "livekit.noise_suppression",
            True,
            "livekit.noise_suppression is now called echo_control.noise_suppression",
        ),
        ("asr.adapter", "whisper", "asr.adapter is now called asr.model"),
        ("asr.model_size", "base", "asr.model_size is now called asr.model"),
        ("echo.guard", False, "echo is now called echo_control"),
        (
            "profiles.quiet.echo.guard",
            False,
            "profiles.quiet.echo is now called profiles.quiet.echo_control",
        ),
        ("responder.echo.template", "{text}", "responder.echo is now called responder.repeat"),
        (
            "profiles.a.responder.echo.template",
            "{text}",
            "profiles.a.responder.echo is now called profiles.a.responder.repeat",
        ),
        ("responder.kind", "echo", "responder.kind: 'echo' is now called 'repeat'"),
        (
            "profiles.a.responder.kind",
            "echo",
            "profiles.a.responder.kind: 'echo' is now called 'repeat'",
        ),
    ],
)
def test_what_was_renamed_says_its_new_name(old: str, value: object, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^configuration key {re.escape(told)}$"):
        load(flags={old: value}, environ={})


def test_a_variable_that_was_renamed_says_its_new_name() -> None:
    with pytest.raises(ConfigError, match="echo is now called echo_control"):
        load(environ={"VDX_ECHO__GUARD": "false"})


KUBERNETES = {
    "VDX_PORT": "tcp://10.0.0.1:80",
    "VDX_SERVICE_HOST": "10.0.0.1",
    "VDX_SERVICE_PORT": "80",
    "VDX_SERVICE_PORT_HTTP": "80",
    "VDX_PORT_80_TCP": "tcp://10.0.0.1:80",
    "VDX_PORT_80_TCP_PROTO": "tcp",
    "VDX_PORT_80_TCP_PORT": "80",
    "VDX_PORT_80_TCP_ADDR": "fd00::1",
    "VDX_FRONTEND_SERVICE_HOST": "10.0.0.2",
    "VDX_TRITON_PORT_8001_TCP_ADDR": "10.0.0.3",
}


def test_variables_that_kubernetes_sets_are_left_alone() -> None:
    settings = load(environ=KUBERNETES | {"VDX_URL": "http://127.0.0.1:1"})
    assert settings.config == Config()
    assert settings.ignored == tuple(sorted(KUBERNETES))


@pytest.mark.parametrize(
    ("name", "value"),
    [("VDX_PORT", "8080"), ("VDX_SERVICE_HOST", "x y"), ("VDX_HOST", "10.0.0.1")],
)
def test_a_mistyped_variable_is_still_an_error(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(environ={name: value})


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "vdx.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not YAML"):
        load(environ={})


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"resident_cap": 0}, "model_manager.resident_cap"),
        ({"max_parallel_loads": 0}, "model_manager.max_parallel_loads"),
        ({"ttl_ms": -1}, "model_manager.ttl_ms"),
        ({"lease_expiry_ms": 5000}, "must be longer than lease_heartbeat_ms"),
    ],
)
def test_limits_of_the_manager_that_could_not_work_are_refused(
    keys: dict[str, int], told: str
) -> None:
    flags = {f"model_manager.{key}": value for key, value in keys.items()}
    with pytest.raises(ConfigError, match=told):
        load(flags=flags, environ={})


def test_the_preload_of_earlier_versions_is_told_its_new_name(tmp_path: Path) -> None:
    file = tmp_path / "vdx.yaml"
    file.write_text("models: {preload: [tone]}")
    for sources in (
        {"path": file},
        {"flags": {"models.preload": ["tone"]}},
        {"environ": {"VDX_MODELS__PRELOAD": "tone"}},
    ):
        with pytest.raises(ConfigError, match=r"model_manager\.preload_model_ids"):
            load(**{"environ": {}, **sources})  # type: ignore[arg-type]
