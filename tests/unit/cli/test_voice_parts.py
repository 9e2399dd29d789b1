"""`vdx voices clone` and `vdx voices add csm-lora`: voices that are parts of other models."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.test_voices import home, vdx  # noqa: F401  (a fixture)
from vdx.cli import voices
from vdx.core.errors import InvalidInput
from vdx.core.paths import locate
from vdx.serving.model_config import CONFIG, config_text
from vdx.serving.voicepacks.model_files import Facts
from vdx.serving.voicepacks.store import VoicepackStore

RECORDING = Path(__file__).parents[2] / "data" / "audio" / "ps_librivox_0870.wav"
STATEMENT = "I agree that this machine speaks with my voice."
CLONE = ("clone", str(RECORDING), "--id", "jo", "--text", "And then.", "--consent", STATEMENT)


@pytest.fixture
def model(home: Path) -> str:  # noqa: F811
    """A voice of the family csm."""
    folder = locate().pulled_models / "csm-1b"
    (folder / "1").mkdir(parents=True)
    told = {"languages": "en", "sample_rate": "24000", "zero_shot": "true", "kind": "tts"}
    (folder / CONFIG).write_text(config_text("csm", "tts", told))
    return folder.name


def test_a_clone_is_made_listed_checked_and_removed(model: str) -> None:
    made = vdx(*CLONE)
    assert made.exit_code == 0, made.output
    assert f"vdx say Hello. --voice {model}/jo" in made.output
    [row] = [row for row in json.loads(vdx("list", "--json").output) if row["id"] == "jo"]
    assert row["origin"] == "clone, a speaker of csm voices"
    assert "jo: OK" in vdx("check", "jo").output
    assert "jo is removed" in vdx("remove", "jo").output
    assert not list(locate().home.rglob("*.wav"))


def test_without_consent_there_is_none(model: str) -> None:
    refused = vdx(*CLONE[:-2])
    assert isinstance(refused.exception, InvalidInput)
    assert "consent is missing" in str(refused.exception)
    assert not list(locate().home.rglob("*.wav"))


def test_an_adapter_is_added_by_its_name(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = VoicepackStore(locate(), lambda *given: Facts(("en",), 24_000))
    monkeypatch.setattr(voices, "open_store", lambda **_: store)
    folder = tmp_path / "jo"
    folder.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (folder / name).write_text("{}")
    added = vdx("add", "csm-lora", str(folder))
    assert added.exit_code == 0, added.output
    assert "jo is here: csm" in added.output
    assert vdx("add", str(folder), "--id", "again").exit_code == 0


@pytest.mark.parametrize("given", [("csm-lora",), ("lora", "a"), ("csm-lora", "a", "b")])
def test_what_is_no_adapter_is_refused(home: Path, given: tuple[str, ...]) -> None:  # noqa: F811
    refused = vdx("add", *given)
    assert isinstance(refused.exception, InvalidInput), refused.output
