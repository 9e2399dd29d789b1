"""The sample configurations are valid, and what they name exists or can be fetched."""

import json
import re
from pathlib import Path

import pytest

from tests.documents import ROOT
from vdx.core import settings
from vdx.core.config import ProfileConfig
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.model_config import read_repository
from vdx.serving.voicepacks.catalogue import WHISPER_REPOS, bundled_piper_voices
from vdx.serving.voicepacks.starters import find_starter
from vdx.speech.text.responder import make_responder

EXAMPLES = sorted(file for file in (ROOT / "examples").glob("*.yaml") if "answers" not in file.name)
MADE = {"kiosk"}
"""Recognisers that the commands of an example make."""


def load(file: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.chdir(ROOT)
    return settings.load(file, environ={})


def test_there_is_one_for_each_kind_of_user() -> None:
    document = (ROOT / "docs" / "configurations.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(examples/[\w-]+\.yaml)`", document)) == {
        str(file.relative_to(ROOT)) for file in EXAMPLES
    }
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_valid_and_sets_something(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(file, monkeypatch)
    assert any(origin != "default" for origin in loaded.origins.values())
    responders = [each.responder or loaded.config.responder for each in profiles(loaded)]
    for responder in responders:
        if responder.kind == "script":
            make_responder(responder)  # reads the file of the answers


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_models_of_an_example_can_be_had(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(file, monkeypatch)
    known = {*read_repository(ROOT / "model_repository"), *WHISPER_REPOS, *MADE}
    known |= {voice.key for voice in bundled_piper_voices()}
    wanted = {*loaded.config.model_manager.preload_model_ids}
    for profile in profiles(loaded):
        voices = (profile.voice, profile.fallback_voice)
        wanted |= {VoiceChoice.parse(name).model for name in voices if name}
        wanted |= {profile.recogniser} if profile.recogniser else set()
    assert {name for name in wanted if name not in known and find_starter(name) is None} == set()


def profiles(loaded: settings.Settings) -> list[ProfileConfig]:
    return list(loaded.config.profiles.values())


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_commands_of_an_example_name_it(file: Path) -> None:
    head = [line for line in file.read_text(encoding="utf-8").splitlines() if line[:1] == "#"]
    assert any(f"--config examples/{file.name}" in line for line in head), json.dumps(head)
