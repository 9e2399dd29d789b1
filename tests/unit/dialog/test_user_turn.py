"""What a voice that hears the person is given, and when."""

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeVoice, Heard
from tests.unit.dialog.stage import LONG_CLAUSES, answered, long_answer, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.audio import LISTEN_RATE, SAMPLE_BYTES
from vdx.core.errors import ModelFailed
from vdx.core.events import SessionState
from vdx.dialog.reply_request import ReplyRequest
from vdx.dialog.user_turn import MOST_BYTES, UserTurn, hearing_first
from vdx.speech.output.tts import HeardTurn, Voice

SECOND = LISTEN_RATE * SAMPLE_BYTES


def heard_by(voice: FakeVoice) -> list[tuple[str, str]]:
    """The clauses that were asked for, each with the words that it answers."""
    return [
        (text, asked.heard.text if asked.heard else "")
        for asked, (_, text) in zip(voice.voices, voice.requests, strict=True)
    ]


@on_virtual_time
async def test_the_first_clause_of_a_reply_comes_with_what_it_answers() -> None:
    voice = FakeVoice()
    async with scene(
        Heard("Hello."), Heard("And now?"), voice=voice, responder=long_answer(), hears_user=True
    ) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
    first, *others = LONG_CLAUSES
    assert heard_by(voice) == [
        (first, "Hello."),
        *((text, "") for text in others),
        (first, "And now?"),
        *((text, "") for text in others),
    ]
    sound = voice.voices[0].heard
    assert sound is not None
    said = np.frombuffer(sound.audio, np.int16).astype(float)
    assert 0.5 <= len(said) / LISTEN_RATE < 1.0
    loud = np.abs(said) > 500
    assert loud.any(), "it is the sound of the person"


@on_virtual_time
async def test_a_voice_that_hears_nobody_is_given_nothing() -> None:
    async with scene(Heard("Hello."), responder=long_answer()) as stage:
        await answered(stage)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert [each.heard for each in stage.voice.voices] == [None] * len(LONG_CLAUSES)


@on_virtual_time
async def test_a_clause_that_is_asked_for_again_comes_with_it_again() -> None:
    voice, turn = FakeVoice(failures={"a": ModelFailed("gone")}), HeardTurn(b"", "Hello.")
    asked = hearing_first(voice, turn)
    with pytest.raises(ModelFailed):
        _ = [chunk async for chunk in asked(Voice("v"), "a")]
    for text in "ab":
        assert [chunk async for chunk in asked(Voice("v"), text)]
    assert [each.heard for each in voice.voices] == [turn, turn, None]


@on_virtual_time
async def test_what_was_said_and_not_answered_is_heard_with_the_next() -> None:
    async with scene(
        Heard("One."),
        Heard("Two."),
        responder=long_answer(),
        hears_user=True,
        auto_reply=False,
    ) as stage:
        await stage.person_says()
        await stage.quiet_for(500)
        await stage.person_says()
        await stage.quiet_for(500)
        stage.session.request_reply()
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert heard_by(stage.voice)[0] == (LONG_CLAUSES[0], "One. Two.")


@on_virtual_time
async def test_typed_words_and_replies_beside_the_conversation_are_not_heard() -> None:
    async with scene(
        Heard("One."), responder=long_answer(), hears_user=True, auto_reply=False
    ) as stage:
        await stage.person_says()
        await stage.quiet_for(500)
        stage.session.request_reply(own=ReplyRequest(items=(), in_conversation=False))
        stage.session.type_text("Two.")
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        assert {heard for _, heard in heard_by(stage.voice)} == {""}


@on_virtual_time
async def test_a_turn_that_goes_on_after_a_pause_is_heard_whole() -> None:
    async with scene(
        Heard("Go home", pause="Go."), responder=long_answer(), hears_user=True
    ) as stage:
        await stage.hears(np.concatenate([vowel(500), quiet(160), vowel(500), quiet(400)]))
        await stage.until(SessionState.SPEAKING)
        await stage.until(SessionState.WAITING_FOR_INPUT)
        asked = [each.heard for each in stage.voice.voices if each.heard is not None]
        assert len(asked[-1].audio) > 1.1 * SECOND


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([(SECOND, "a")], "a"),
        ([(MOST_BYTES, "a")], "a"),
        ([(MOST_BYTES, "a"), (2, "b")], None),
        ([(0, "a")], None),
        ([(SECOND, "a" * 1001)], None),
        ([], None),
    ],
    ids=["short", "longest", "too long", "sound unknown", "too many words", "nothing"],
)
def test_no_more_than_the_contract_allows(parts: list[tuple[int, str]], told: str | None) -> None:
    sounds = [bytes(size) for size, _ in parts]
    turn = UserTurn(lambda: True)
    turn.audio_of = lambda number: sounds[number or 0]
    for number, (_, text) in enumerate(parts):
        turn.commit(number, text)
    found = turn.so_far()
    assert (found and found.text) == told
    turn.answered()
    assert turn.so_far() is None
