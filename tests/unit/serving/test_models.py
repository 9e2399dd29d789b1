"""What a model's configuration says of it."""

import pytest

from vdx.core.errors import InvalidInput, ModelFailed
from vdx.serving.models import CAPABILITIES, ModelInfo, ModelState, describe

VOICE = {"kind": "tts", "languages": "en-GB, de", "sample_rate": "22050", "streaming": "true"}


def test_a_configuration_describes_its_model() -> None:
    info = describe("anna", "piper", VOICE | {"lora": "false", "unheard_of": "true"})
    expected = ModelInfo("anna", "tts", "piper", ("en-GB", "de"), 22_050, frozenset({"streaming"}))
    assert info == expected
    assert [name for name in CAPABILITIES if info.can(name)] == ["streaming"]


@pytest.mark.parametrize("kind", ["", "TTS", "llm"])
def test_a_model_must_say_what_it_is(kind: str) -> None:
    with pytest.raises(ModelFailed, match=f"anna: parameter kind .* got '{kind}'"):
        describe("anna", "piper", VOICE | {"kind": kind})


@pytest.mark.parametrize("rate", ["22k", "-1", "22050.0"])
def test_a_sample_rate_must_be_a_number(rate: str) -> None:
    with pytest.raises(ModelFailed, match=f"anna: parameter sample_rate .* got '{rate}'"):
        describe("anna", "piper", VOICE | {"sample_rate": rate})


def test_what_is_not_said_is_nothing() -> None:
    assert describe("x", "y", {"kind": "asr"}) == ModelInfo("x", "asr", "y", (), 0)


@pytest.mark.parametrize(
    ("languages", "tag", "spoken"),
    [
        (("en",), "en", True),
        (("en-GB",), "en-US", True),
        (("EN",), "en-gb", True),
        (("en",), "de", False),
        (("*",), "tlh", True),
        ((), "en", False),
    ],
)
def test_languages_are_told_by_their_primary_tag(
    languages: tuple[str, ...], tag: str, spoken: bool
) -> None:
    assert ModelInfo("x", "tts", "y", languages, 0).speaks(tag) is spoken


def test_a_language_that_a_model_lacks_is_named() -> None:
    many = tuple(f"a{letter}" for letter in "abcdefghijklmnopqrstuvw")
    ModelInfo("x", "tts", "y", many, 0).require_language("ac-DC")
    ModelInfo("x", "tts", "y", ("en",), 0).require_language("")
    with pytest.raises(InvalidInput, match="recogniser 'x' understands en, not 'de-AT'") as told:
        ModelInfo("x", "asr", "y", ("en",), 0).require_language("de-AT")
    assert told.value.param == "language"
    with pytest.raises(InvalidInput, match=r"voice 'x' speaks aa, ab, .* and others, not 'tlh'"):
        ModelInfo("x", "tts", "y", many, 0).require_language("tlh")


@pytest.mark.parametrize("state", ["LOADING", "UNLOADING", "UNAVAILABLE", ""])
def test_only_ready_is_ready(state: str) -> None:
    assert not ModelState("x", state).ready
    assert ModelState("x", "READY").ready
