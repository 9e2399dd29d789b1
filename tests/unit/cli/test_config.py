"""`vdx config` shows values and their origins."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from vdx.cli.config import app, parse_assignments
from vdx.core.config import Config
from vdx.core.config_help import settings
from vdx.core.errors import ConfigError, InvalidInput


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VDX_CONFIG", raising=False)


def show(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_origin_of_every_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("server: {port: 9001}\nvad: {aggressiveness: 1}\n")
    monkeypatch.setenv("VDX_VAD__AGGRESSIVENESS", "3")
    answer = show("--config", str(file), "--set", "tts.speed=1.5", "--json")
    tree = json.loads(answer.stdout)
    assert tree["server.port"] == {"value": 9001, "origin": f"file {file}"}
    assert tree["vad.aggressiveness"] == {"value": 3, "origin": "environment"}
    assert tree["tts.speed"] == {"value": 1.5, "origin": "flag"}
    assert tree["server.host"] == {"value": "127.0.0.1", "origin": "default"}


def test_changed_leaves_defaults_out() -> None:
    answer = show("--changed", "--set", "server.port=9000")
    assert answer.stdout.split() == ["KEY", "VALUE", "FROM", "server.port", "9000", "flag"]
    nothing = show("--changed")
    assert nothing.stdout == ""
    assert nothing.stderr == "nothing is set: every key has its default\n"
    assert show("--changed", "--json").stdout == "{}\n"


def test_each_key_is_one_line_for_other_programs() -> None:
    lines = show("--set", "server.allowed_origins=[" + "'https://a.example'," * 9 + "]").stdout
    (line,) = (line for line in lines.splitlines() if line.startswith("server.allowed_origins "))
    assert line.count("https://a.example") == 9


def test_every_explanation_fits_80_columns() -> None:
    for section in Config.model_fields:
        lines = show("--explain", section).stdout.splitlines()
        about = [line for line in lines if not re.match(r"  (takes|default|now|variable):", line)]
        assert lines
        assert [line for line in about if len(line) > 80] == []


def test_a_key_is_explained(tmp_path: Path) -> None:
    told = show("--explain", "tts.speed", "--set", "tts.speed=2").stdout
    for words in ("at least 0.25", "default:   1.0", "now:       2.0  (flag)", "VDX_TTS__SPEED"):
        assert words in told
    section = show("--explain", "endpointing").stdout
    assert section.count("default:") == 4
    own = show("--explain", "profiles.german.language").stdout
    assert "VDX_PROFILES__GERMAN__LANGUAGE" in own


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tts.sped", "did you mean tts.speed?"),
        ("speed", "did you mean tts.speed?"),
        ("barge", "did you mean barge_in?"),
        ("colour", "`vdx config` lists every key"),
    ],
)
def test_a_key_that_is_none_names_one_that_looks_like_it(typed: str, meant: str) -> None:
    answer = show("--explain", typed)
    assert isinstance(answer.exception, ConfigError)
    assert str(answer.exception).endswith(f"{typed} does not exist; {meant}")


def test_nothing_is_suggested_for_a_key_that_looks_like_none() -> None:
    answer = show("--set", "colour=blue")
    assert isinstance(answer.exception, ConfigError)
    assert str(answer.exception).endswith("colour does not exist; `vdx config` lists every key")


def test_a_file_is_begun_with_every_key_and_nothing_set(tmp_path: Path) -> None:
    assert show("init").exit_code == 0
    file = tmp_path / "vdx.yaml"
    assert show("--changed").stderr.startswith("nothing is set")
    bare = "\n".join(line.removeprefix("#") for line in file.read_text().splitlines())
    assert Config.model_validate(yaml.safe_load(bare)) == Config()
    assert {each.key.split(".")[-1] for each in settings()} <= set(re.findall(r"(\w+):", bare))
    assert isinstance(show("init").exception, InvalidInput)
    file.write_text("tts: {speed: 2}")
    assert show("init", "--force").exit_code == 0
    assert show("init", "--out", "-").stdout == file.read_text()


def test_secrets_are_masked() -> None:
    answer = show("--set", "server.api_keys=[hunter2-hunter2-hunter2]", "--json")
    assert answer.exit_code == 0
    assert "hunter2-hunter2-hunter2" not in answer.stdout
    assert "*" in json.loads(answer.stdout)["server.api_keys"]["value"][0]


def test_unknown_key_names_the_nearest() -> None:
    answer = show("--set", "vad.agressiveness=3")
    assert isinstance(answer.exception, ConfigError)
    assert "vad.aggressiveness" in str(answer.exception)


@pytest.mark.parametrize("word", ["server.port", "=3", "server.port=[1"])
def test_bad_assignment_is_named(word: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        parse_assignments([word])
