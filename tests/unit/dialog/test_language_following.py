"""A conversation in the language that is heard: which turns change it, and who speaks then."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.unit.dialog.fakes import FakeResponder, FakeVoice, Heard
from tests.unit.dialog.stage import Scene, scene
from tests.unit.virtual_time import on_virtual_time
from vdx.core.events import SessionState, Transcript, TranscriptKind
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.language_following import LanguageJudge, LanguageModels
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session_events import LanguageChanged, LanguageHeard

ENGLISH, GERMAN = VoiceChoice("joe"), VoiceChoice("thorsten")
SPEAKS = {"en": ENGLISH, "de": GERMAN}
HALLO = Heard("Guten Tag zusammen", language="de", language_probability=0.9)
HELLO = Heard("good morning everybody", language="en", language_probability=0.9)


def heard(text: str, language: str, probability: float, utterance: int = 1) -> Transcript:
    return Transcript(
        *(utterance, text, 0, 0, TranscriptKind.FINAL),
        language=language,
        language_probability=probability,
    )


@pytest.mark.parametrize(
    ("text", "probability", "changes"),
    [
        ("guten Tag", 0.6, True),
        ("guten Tag", 0.4, False),
        ("nein", 0.6, False),
        ("nein", 0.85, True),
        ("今日はいい天気", 0.6, True),
        ("はい", 0.6, False),
    ],
)
def test_how_sure_it_must_be(text: str, probability: float, changes: bool) -> None:
    assert LanguageJudge().changes(heard(text, "ja", probability), "en") is changes


def test_two_unsure_turns_in_a_row_are_enough() -> None:
    judge = LanguageJudge()
    assert not judge.changes(heard("nein", "de", 0.5, 1), "en")
    assert not judge.changes(heard("nein", "de", 0.5, 1), "en"), "the same turn again"
    assert judge.changes(heard("doch", "de", 0.5, 2), "en")
    assert not judge.changes(heard("nein", "de", 0.5, 3), "en")
    assert not judge.changes(heard("yes please", "en", 0.9, 4), "en"), "which is in between"
    assert not judge.changes(heard("doch", "de", 0.5, 5), "en")
    assert not judge.changes(heard("oui", "fr", 0.5, 6), "en"), "another one"


def test_a_region_is_no_other_language() -> None:
    assert not LanguageJudge().changes(heard("good morning", "en", 0.9), "en-GB")


Find = Callable[[SessionOptions, str, VoiceChoice | None], Awaitable[LanguageModels]]


def finder(delay_s: float = 0.0, speaks: dict[str, VoiceChoice] = SPEAKS) -> Find:
    async def find(
        _options: SessionOptions, language: str, before: VoiceChoice | None
    ) -> LanguageModels:
        await asyncio.sleep(delay_s)
        return LanguageModels(before or speaks.get(language))

    return find


async def turns(stage: Scene, count: int = 1) -> None:
    for _ in range(count):
        await stage.person_says()
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)


def following(**more: Any) -> dict[str, Any]:
    answer = FakeResponder(default=("One two. ", "Three four."))
    return {
        "follows_language": True,
        "voice_choice": ENGLISH,
        "voice": FakeVoice(),
        "responder": answer,
        "find_voice": finder(),
    } | more


def spoken_by(stage: Scene) -> list[tuple[str, str]]:
    return list(dict.fromkeys((each.model, each.language) for each in stage.voice.voices))


@on_virtual_time
async def test_the_answer_is_spoken_in_the_language_of_the_turn() -> None:
    async with scene(HELLO, HALLO, HELLO, **following(find_voice=finder(0.4))) as stage:
        await turns(stage, 3)
        order = [(each.model, each.language) for each in stage.voice.voices]
        assert order == [("joe", "en")] * 2 + [("thorsten", "de")] * 2 + [("joe", "en")] * 2
        told = stage.transport.all(LanguageHeard)
        assert [(each.language, each.spoken) for each in told] == [
            ("en", "en"),
            ("de", "de"),
            ("en", "en"),
        ]
        changes = stage.transport.all(LanguageChanged)
        assert [(each.language, each.voice) for each in changes] == [
            ("de", "thorsten"),
            ("en", "joe"),
        ]


@on_virtual_time
async def test_a_region_comes_back_with_its_language() -> None:
    british = following(language="en-GB")
    async with scene(HELLO, HALLO, HELLO, **british) as stage:
        await turns(stage, 3)
        assert spoken_by(stage) == [("joe", "en-GB"), ("thorsten", "de")]
        assert stage.session.options.language == "en-GB"


@on_virtual_time
async def test_a_doubtful_word_changes_nothing() -> None:
    nein = Heard("nein", language="de", language_probability=0.5)
    async with scene(HELLO, nein, **following()) as stage:
        await turns(stage, 2)
        assert spoken_by(stage) == [("joe", "en")]
        assert stage.transport.all(LanguageHeard)[-1].spoken == "en"
        assert not stage.transport.all(LanguageChanged)


@on_virtual_time
async def test_without_a_voice_the_present_one_speaks_and_it_is_told() -> None:
    async with scene(HALLO, **following(find_voice=finder(speaks={}))) as stage:
        await turns(stage)
        assert spoken_by(stage) == [("joe", "")], "in a language of its own"
        assert stage.transport.all(LanguageChanged) == [
            LanguageChanged("de", "joe", voice_speaks_it=False)
        ]


@on_virtual_time
async def test_a_voice_that_comes_too_late_keeps_no_other_from_being_waited_for() -> None:
    """The person is back in English before the German one is there."""
    takes_s = {"de": 6.0, "en": 4.0}

    async def find(_: SessionOptions, language: str, __: VoiceChoice | None) -> LanguageModels:
        await asyncio.sleep(takes_s[language])
        return LanguageModels(SPEAKS[language])

    async with scene(HALLO, HELLO, **following(find_voice=find)) as stage:
        await stage.person_says()
        await stage.quiet_for(2000)
        await stage.person_says()
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert spoken_by(stage) == [("joe", "en")]


@on_virtual_time
async def test_a_session_with_a_language_keeps_it() -> None:
    async with scene(HALLO, **following(follows_language=False)) as stage:
        await turns(stage)
        assert spoken_by(stage) == [("joe", "en")]
        assert not stage.transport.all(LanguageHeard)
