"""A speaker or style that a voice has not is named without loading the voice."""

import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.transports.test_voice_clones import add_model
from vdx.cli.named_models import check_profiles, check_voice
from vdx.core.config import Config
from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.paths import Paths, locate
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.model_config import CONFIG, config_text
from vdx.serving.models import ModelInfo
from vdx.serving.speakers import (
    kept_parts,
    require_speaker,
    speakers_here,
    speaks_with,
)
from vdx.serving.voicepacks.clones import CloneOrder, add_clone, find_reference


def _voice(home: Path, family: str) -> ModelInfo:
    """A model's folder that names a voicepack, which is empty yet."""
    folder, voicepack = home / "model_repository" / "somebody", home / "voicepacks" / "somebody"
    folder.mkdir(parents=True)
    voicepack.mkdir(parents=True)
    parameters = {
        "kind": "tts",
        "languages": "en",
        "sample_rate": "22050",
        "voicepack": "../../voicepacks/somebody",
    }
    (folder / "config.pbtxt").write_text(config_text(family, "tts", parameters))
    return ModelInfo("somebody", "tts", family, ("en",), 22_050)


def at(home: Path) -> Paths:
    return replace(locate(), home=home)


def _piper(home: Path, config: dict[str, Any]) -> ModelInfo:
    info = _voice(home, "piper")
    (home / "voicepacks" / "somebody" / "voice.onnx.json").write_text(json.dumps(config))
    return info


MANY = {"num_speakers": 3, "speaker_id_map": {"p225": 0, "p226": 1}}


@pytest.mark.parametrize("speaker", ["", "p226", "2"])
def test_a_speaker_that_is_there_is_let_through(tmp_path: Path, speaker: str) -> None:
    info = _piper(tmp_path, MANY)
    require_speaker(info, speaker, at(tmp_path))


@pytest.mark.parametrize(("speaker", "hint"), [("p22", "did you mean 'p22"), ("3", "there are")])
def test_a_speaker_that_is_not_there_is_named(tmp_path: Path, speaker: str, hint: str) -> None:
    info = _piper(tmp_path, MANY)
    with pytest.raises(UnknownName, match=f"no speaker of somebody '{speaker}'.*{hint}"):
        require_speaker(info, speaker, at(tmp_path))


def test_a_voice_of_one_speaker_says_so(tmp_path: Path) -> None:
    info = _piper(tmp_path, {})
    require_speaker(info, "0", at(tmp_path))
    with pytest.raises(InvalidInput, match="'somebody' has one speaker: 'high'"):
        require_speaker(info, "high", at(tmp_path))


def test_each_style_of_a_blend_is_looked_up(tmp_path: Path) -> None:
    info = _voice(tmp_path, "kokoro")
    styles = {name: np.zeros((1, 256), np.float32) for name in ("jf_alpha", "jm_kumo")}
    np.savez(tmp_path / "voicepacks" / "somebody" / "voices.npz", **styles)  # type: ignore[arg-type]
    require_speaker(info, "jf_alpha:0.6+jm_kumo:0.4", at(tmp_path))
    with pytest.raises(UnknownName, match="no speaker of somebody 'jf_beta'"):
        require_speaker(info, "jm_kumo+jf_beta:2", at(tmp_path))


def test_a_voice_of_recordings_names_them(tmp_path: Path) -> None:
    info = _voice(tmp_path, "xtts")
    require_speaker(info, "Nobody", at(tmp_path))  # the file is not there: its model tells
    head = json.dumps({"gpt/Ana": {}, "speaker/Ana": {}, "gpt/Ben": {}, "speaker/Ben": {}}).encode()
    file = tmp_path / "voicepacks" / "somebody" / "speakers.safetensors"
    file.write_bytes(struct.pack("<Q", len(head)) + head)
    require_speaker(info, "Ana", at(tmp_path))
    with pytest.raises(UnknownName, match=r"no speaker of somebody 'Anna'.*did you mean 'Ana'"):
        require_speaker(info, "Anna", at(tmp_path))


def test_a_variant_of_espeak_is_looked_up_among_its_files() -> None:
    info = ModelInfo("espeak", "tts", "espeak", ("*",), 22_050)
    require_speaker(info, "Annie", locate())
    require_speaker(info, "+Annie", locate())
    with pytest.raises(UnknownName, match=r"no speaker of espeak 'Anne'.*did you mean 'Annie'"):
        require_speaker(info, "Anne", locate())


def test_a_voice_is_checked_where_its_files_are(tmp_path: Path) -> None:
    info = _piper(tmp_path, {})
    with pytest.raises(InvalidInput, match="'somebody' has one speaker: 'high'"):
        require_speaker(info, "high", at(tmp_path))
    # As of a voice that another machine serves: its model tells.
    shutil.rmtree(tmp_path / "model_repository" / "somebody")
    require_speaker(info, "high", at(tmp_path))


@pytest.mark.parametrize(
    ("config", "listed"),
    [
        (MANY, ("p225", "p226", "2")),
        ({"num_speakers": 2}, ("0", "1")),
        ({}, ()),
        ({"num_speakers": "many"}, None),
    ],
    ids=["named", "numbered", "one", "unreadable"],
)
def test_each_speaker_is_listed_once(
    tmp_path: Path, config: dict[str, Any], listed: tuple[str, ...] | None
) -> None:
    _piper(tmp_path, config)
    assert speakers_here("somebody", locate({"VDX_HOME": str(tmp_path)})) == listed


def test_what_is_not_on_this_machine_is_not_known(tmp_path: Path) -> None:
    paths = locate({"VDX_HOME": str(tmp_path)})
    assert speakers_here("nobody", paths) is None
    assert speakers_here("pocketsphinx-en", paths) is None
    elsewhere = replace(paths, triton_venv=tmp_path)
    assert speakers_here("espeak", elsewhere) is None


def test_the_variants_of_espeak_lie_beside_its_library() -> None:
    found = speakers_here("espeak", locate())
    assert found is not None
    assert "whisper" in found
    assert list(found) == sorted(found)


@pytest.mark.parametrize("text", ["{", "[]", '{"num_speakers": "many"}'])
def test_files_that_cannot_be_read_are_left_to_the_model(tmp_path: Path, text: str) -> None:
    info = _piper(tmp_path, {})
    (tmp_path / "voicepacks" / "somebody" / "voice.onnx.json").write_text(text)
    require_speaker(info, "high", at(tmp_path))
    assert speakers_here(info.name, at(tmp_path)) is None


def test_the_speakers_of_profiles_are_checked_before_triton(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    info = _piper(tmp_path, MANY)
    here = {
        "somebody": info,
        "pocketsphinx-en": ModelInfo("pocketsphinx-en", "asr", "x", ("en",), 1),
    }
    check_profiles(Config.model_validate({"tts": {"voice": "somebody/p225"}}), here)
    profiles = {"other": {"voice": "somebody/nobody"}}
    config = Config.model_validate({"tts": {"voice": "somebody"}, "profiles": profiles})
    with pytest.raises(UnknownName, match="no speaker of somebody 'nobody'"):
        check_profiles(config, here)


def test_a_voice_of_a_recording_is_a_speaker_of_what_can_speak_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    info = _voice(tmp_path, "xtts")
    head = json.dumps({"gpt/Ana": {}}).encode()
    file = tmp_path / "voicepacks" / "somebody" / "speakers.safetensors"
    file.write_bytes(struct.pack("<Q", len(head)) + head)
    paths, clones = locate(), replace(info, capabilities=frozenset({"zero_shot"}))
    add_model(paths, "cloner", "xtts", "en")
    add_clone(paths, CloneOrder("jo", "", "", "I agree to be spoken with."), bytes(48_000))
    assert speaks_with(clones, kept_parts(paths)) == ("jo",)
    assert speaks_with(info, kept_parts(paths)) == ()
    wordless = replace(clones, family="csm")
    assert speaks_with(wordless, kept_parts(paths)) == (), "it needs to know what is said"
    check_voice(VoiceChoice("somebody", "jo"), "en", {"somebody": clones})
    with pytest.raises(UnknownName, match=r"no speaker of somebody 'jon'.*did you mean 'jo'"):
        check_voice(VoiceChoice("somebody", "jon"), "en", {"somebody": clones})
    assert speakers_here("cloner", paths) == ("jo",)
    assert find_reference("cloner", "jo") is not None
    _later_speaker(paths, "cloner", "jo")
    assert find_reference("cloner", "jo") is None, "a model that came later has its own"
    assert speakers_here("cloner", paths) == ("jo",)


def _later_speaker(paths: Paths, model: str, name: str) -> None:
    """The files of a voice that has a speaker, in the place of one that has none."""
    voicepack = paths.home / "later"
    voicepack.mkdir()
    head = json.dumps({f"gpt/{name}": {}}).encode()
    (voicepack / "speakers.safetensors").write_bytes(struct.pack("<Q", len(head)) + head)
    told = {"languages": "en", "sample_rate": "24000", "zero_shot": "true", "kind": "tts"}
    config = config_text("xtts", "tts", told | {"voicepack": str(voicepack)})
    (paths.pulled_models / model / CONFIG).write_text(config)
