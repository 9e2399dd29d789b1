"""Names of models are checked before Triton is started, by the rule of the running server."""

from dataclasses import replace

import pytest

from vdx.cli.named_models import check_model, check_profiles
from vdx.core.config import Config
from vdx.core.errors import InvalidInput, UnknownName
from vdx.serving.models import ModelInfo, ModelKind


def _info(name: str, kind: ModelKind, language: str) -> ModelInfo:
    return ModelInfo(name, kind, "family", (language,), 16_000)


HERE = {
    "tone": _info("tone", "tts", "en"),
    "espeak": _info("espeak", "tts", "*"),
    "pocketsphinx-en": _info("pocketsphinx-en", "asr", "en"),
}


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"asr": {"model": "pocketsphinx"}},
        {"tts": {"voice": "tone/high"}, "model_manager": {"preload_model_ids": ["pocketsphinx"]}},
        {"profiles": {"other": {"recogniser": "pocketsphinx", "voice": "tone"}}},
    ],
)
def test_what_is_here_is_let_through(config: dict[str, object]) -> None:
    check_profiles(Config.model_validate(config), HERE)


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"tts": {"voice": "tonne"}}, "no voice 'tonne'; did you mean 'tone'"),
        ({"asr": {"model": "pocketsfinx"}}, "no recogniser 'pocketsfinx'"),
        ({"profiles": {"other": {"recogniser": "nobody"}}}, "no recogniser 'nobody'"),
        ({"model_manager": {"preload_model_ids": ["nobody"]}}, "no model 'nobody'"),
    ],
)
def test_what_is_not_here_is_named(config: dict[str, object], named: str) -> None:
    with pytest.raises(UnknownName, match=named):
        check_profiles(Config.model_validate(config), HERE)


def test_a_model_of_the_other_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is a voice, not a recogniser"):
        check_model("tone", "asr", "en", HERE)


@pytest.mark.parametrize(
    "config",
    [
        {"tts": {"voice": "tone"}, "asr": {"language": "de", "enabled": False}},
        {"profiles": {"german": {"voice": "tone", "language": "de", "recogniser": ""}}},
    ],
)
def test_a_voice_without_the_language_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="voice 'tone' speaks en, not 'de'"):
        check_profiles(Config.model_validate(config), HERE)


def test_a_recogniser_that_cannot_detect_the_language_is_refused() -> None:
    config = {"asr": {"language": "auto", "model": "pocketsphinx-en"}}
    with pytest.raises(InvalidInput, match="'pocketsphinx-en' cannot detect the language"):
        check_profiles(Config.model_validate(config), HERE)
    with pytest.raises(UnknownName, match="no recogniser here detects the language"):
        check_profiles(Config.model_validate({"asr": {"language": "auto"}}), HERE)
    can = frozenset({"language_detection"})
    here = HERE | {"whisper-base": replace(_info("whisper-base", "asr", "*"), capabilities=can)}
    check_profiles(Config.model_validate({"asr": {"language": "auto"}}), here)


def test_a_language_that_is_asked_for_is_checked() -> None:
    check_model("tone", "tts", "de", HERE)
    with pytest.raises(InvalidInput, match="not 'de'"):
        check_model("tone", "tts", "de", HERE, speaks="de")
