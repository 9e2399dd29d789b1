"""A session whose person pauses to think: the words decide how long it waits."""

import numpy as np
import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import Scene, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import EndpointingConfig
from vdx.core.events import SessionState
from vdx.dialog.session_events import TurnTimed, UtteranceEnded

WAITING = SessionState.WAITING_FOR_INPUT
UNFINISHED = "I would like to"
EXTENSION_MS = EndpointingConfig().unfinished_ms


async def gap_ms(stage: Scene) -> float:
    """Speaks, waits for the answer, and returns what the trace says of the turn."""
    await stage.person_says(silence_ms=100)
    await stage.until(SessionState.SPEAKING)
    return stage.transport.all(TurnTimed)[-1].speech_end_to_first_audio_ms


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("hello", 280, 340), (UNFINISHED, EXTENSION_MS - 20, EXTENSION_MS + 40)],
)
def test_the_words_decide_how_long_a_pause_may_last(text: str, low: float, high: float) -> None:
    @on_virtual_time
    async def conversation() -> None:
        async with scene(Heard(text)) as stage:
            assert low <= await gap_ms(stage) <= high
            assert stage.said()[0] == ("user", text)

    conversation()


@on_virtual_time
async def test_a_thinking_pause_is_no_turn() -> None:
    async with scene(Heard("I would like to go home", pause=UNFINISHED)) as stage:
        await stage.hears(np.concatenate([vowel(500), quiet(900)]))
        assert stage.transport.all(UtteranceEnded) == []
        await stage.hears(np.concatenate([vowel(500), quiet(100)]))
        await stage.until(SessionState.SPEAKING)
        assert [text for role, text in stage.said() if role == "user"] == [
            "I would like to go home"
        ]
        assert len(stage.transport.all(UtteranceEnded)) == 1


@on_virtual_time
async def test_the_reply_prepared_for_an_unfinished_phrase_stays_silent() -> None:
    async with scene(Heard(UNFINISHED)) as stage:
        await stage.hears(np.concatenate([vowel(500), quiet(1000)]))
        assert [messages[-1].text for messages in stage.responder.asked] == [UNFINISHED]
        assert stage.transport.rows == []
        await stage.until(SessionState.SPEAKING)
        assert len(stage.responder.asked) == 1, "what was prepared was thrown away"


@on_virtual_time
async def test_words_that_come_late_do_not_hold_the_turn() -> None:
    async with scene(Heard(UNFINISHED, pause_delay_s=0.5)) as stage:
        assert await gap_ms(stage) < 340


@on_virtual_time
async def test_the_extension_is_switched_off_by_a_profile() -> None:
    async with scene(Heard(UNFINISHED), endpointing=EndpointingConfig(enabled=False)) as stage:
        assert await gap_ms(stage) < 340


@on_virtual_time
async def test_the_language_of_the_session_decides() -> None:
    async with scene(Heard("und"), language="de-DE") as stage:
        assert await gap_ms(stage) > EXTENSION_MS - 20
    async with scene(Heard("und"), language="en") as stage:
        assert await gap_ms(stage) < 340
