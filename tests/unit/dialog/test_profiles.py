from typing import Literal

import pytest

from vdx.core.config import AsrConfig, BargeInConfig, ClauseConfig, Config, ProfileConfig, VadConfig
from vdx.core.errors import UnknownName
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.profiles import resolve
from vdx.serving.default_models import DefaultModels
from vdx.speech.text.clause_slices import chunker_for

LIGHT = DefaultModels(frozenset({"espeak", "pocketsphinx-en"}))


def test_the_default_profile_takes_what_the_sections_say() -> None:
    config = Config()
    for name in ("", "vdx"):
        options = resolve(config, name, LIGHT)
        assert options.profile == "vdx"
        assert options.voice == "espeak"
        assert options.recogniser == "pocketsphinx-en"
        assert options.language == config.asr.language
        assert options.speed == config.tts.speed
        assert options.vad is config.vad
        assert options.responder is config.responder
        assert options.barge_in


def test_a_profile_overrides_the_sections() -> None:
    vad = VadConfig(aggressiveness=3)
    profile = ProfileConfig(
        voice="espeak-de",
        recogniser="whisper",
        language="de",
        speed=1.5,
        vad=vad,
        greeting="Hallo.",
        instructions="Kurz.",
    )
    options = resolve(Config(profiles={"german": profile}), "german", LIGHT)
    assert (options.voice, options.recogniser, options.language) == ("espeak-de", "whisper", "de")
    assert (options.speed, options.vad, options.greeting) == (1.5, vad, "Hallo.")
    assert options.instructions == "Kurz."


@pytest.mark.parametrize(
    ("links", "spoken"),
    [("short", "See a link to example dot org now."), ("full", "See https://example.org a now.")],
)
async def test_a_profile_chooses_how_links_are_said(
    links: Literal["short", "full"], spoken: str
) -> None:
    profile = ProfileConfig(clauses=ClauseConfig(links=links))
    clauses = resolve(Config(profiles={"reader": profile}), "reader", LIGHT).clauses
    chunker = await chunker_for(clauses, "en")
    found = [*chunker.feed("See https://example.org/a now."), *chunker.finish()]
    assert " ".join(clause.text for clause in found) == spoken


def test_the_language_may_follow_what_is_heard() -> None:
    here = DefaultModels(LIGHT.names | {"whisper-base"})
    auto = ProfileConfig(language="auto")
    german = Config(asr=AsrConfig(language="de"), profiles={"any": auto})
    options = resolve(german, "any", here)
    assert (options.follows_language, options.language) == (True, "de")
    assert (options.recogniser, options.asked_language) == ("whisper-base", "auto")
    everywhere = resolve(Config(asr=AsrConfig(language="auto")), "", here)
    assert (everywhere.follows_language, everywhere.language) == (True, "en")
    fixed = options.spoken_in("fr")
    assert (fixed.follows_language, fixed.asked_language) == (False, "fr")


def test_an_unknown_profile_is_named_with_those_there_are() -> None:
    config = Config(profiles={"b": ProfileConfig(), "a": ProfileConfig()})
    with pytest.raises(UnknownName, match=r"'nobody'; there are: a, b"):
        resolve(config, "nobody", LIGHT)


def test_a_switched_off_recogniser_and_barge_in() -> None:
    config = Config(asr=AsrConfig(enabled=False), barge_in=BargeInConfig(enabled=False))
    options = resolve(config, "", LIGHT)
    assert options.recogniser == ""
    assert not options.barge_in


def test_options_are_copied_when_they_change() -> None:
    options = resolve(Config(), "", LIGHT)
    changed = options.updated(voice_choice=VoiceChoice("other"))
    assert (changed.voice, options.voice) == ("other", "espeak")
    assert changed.vad is options.vad
