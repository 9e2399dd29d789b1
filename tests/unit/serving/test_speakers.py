"""A speaker or style that a voice has not is named without loading the voice."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vdx.cli.named_models import check_profiles
from vdx.core.config import Config
from vdx.core.errors import InvalidInput, UnknownName
from vdx.serving.model_config import config_text
from vdx.serving.models import ModelInfo
from vdx.serving.speakers import check_speaker


def _voice(home: Path, family: str) -> tuple[ModelInfo, Path]:
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
    return ModelInfo("somebody", "tts", family, ("en",), 22_050), folder


def _piper(home: Path, config: dict[str, Any]) -> tuple[ModelInfo, Path]:
    info, folder = _voice(home, "piper")
    (home / "voicepacks" / "somebody" / "voice.onnx.json").write_text(json.dumps(config))
    return info, folder


MANY = {"num_speakers": 3, "speaker_id_map": {"p225": 0, "p226": 1}}


@pytest.mark.parametrize("speaker", ["", "p226", "2"])
def test_a_speaker_that_is_there_is_let_through(tmp_path: Path, speaker: str) -> None:
    info, folder = _piper(tmp_path, MANY)
    check_speaker(info, speaker, folder)


@pytest.mark.parametrize(("speaker", "hint"), [("p22", "did you mean 'p22"), ("3", "there are")])
def test_a_speaker_that_is_not_there_is_named(tmp_path: Path, speaker: str, hint: str) -> None:
    info, folder = _piper(tmp_path, MANY)
    with pytest.raises(UnknownName, match=f"no speaker of somebody '{speaker}'.*{hint}"):
        check_speaker(info, speaker, folder)


def test_a_voice_of_one_speaker_says_so(tmp_path: Path) -> None:
    info, folder = _piper(tmp_path, {})
    check_speaker(info, "0", folder)
    with pytest.raises(InvalidInput, match="'somebody' has one speaker: 'high'"):
        check_speaker(info, "high", folder)


def test_each_style_of_a_blend_is_looked_up(tmp_path: Path) -> None:
    info, folder = _voice(tmp_path, "kokoro")
    styles = {name: np.zeros((1, 256), np.float32) for name in ("jf_alpha", "jm_kumo")}
    np.savez(tmp_path / "voicepacks" / "somebody" / "voices.npz", **styles)  # type: ignore[arg-type]
    check_speaker(info, "jf_alpha:0.6+jm_kumo:0.4", folder)
    with pytest.raises(UnknownName, match="no speaker of somebody 'jf_beta'"):
        check_speaker(info, "jm_kumo+jf_beta:2", folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"num_speakers": "many"}'])
def test_files_that_cannot_be_read_are_left_to_the_model(tmp_path: Path, text: str) -> None:
    info, folder = _piper(tmp_path, {})
    (tmp_path / "voicepacks" / "somebody" / "voice.onnx.json").write_text(text)
    check_speaker(info, "high", folder)


def test_the_speakers_of_profiles_are_checked_before_triton(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VDX_HOME", str(tmp_path))
    info, _ = _piper(tmp_path, MANY)
    here = {
        "somebody": info,
        "pocketsphinx-en": ModelInfo("pocketsphinx-en", "asr", "x", ("en",), 1),
    }
    check_profiles(Config.model_validate({"tts": {"voice": "somebody/p225"}}), here)
    profiles = {"other": {"voice": "somebody/nobody"}}
    config = Config.model_validate({"tts": {"voice": "somebody"}, "profiles": profiles})
    with pytest.raises(UnknownName, match="no speaker of somebody 'nobody'"):
        check_profiles(config, here)
