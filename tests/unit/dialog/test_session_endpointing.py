"""A session whose person pauses to think: words and endpointer decide how long it waits."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import Scene, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import EndpointingConfig
from vdx.core.errors import ModelFailed
from vdx.core.events import SessionState
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session_events import ErrorOccurred, TurnTimed, UtteranceEnded

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


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("hello", 560, 600), (UNFINISHED, EXTENSION_MS - 20, EXTENSION_MS + 40)],
)
def test_words_that_come_late_decide_all_the_same(text: str, low: float, high: float) -> None:
    """Half a second after the pause was noticed; before them there was nothing to answer."""

    @on_virtual_time
    async def conversation() -> None:
        async with scene(Heard(text, pause_delay_s=0.5)) as stage:
            assert low <= await gap_ms(stage) <= high

    conversation()


@on_virtual_time
async def test_words_that_never_come_do_not_hold_the_turn_for_ever() -> None:
    async with scene(Heard("hello", pause_delay_s=30)) as stage:
        assert EXTENSION_MS <= await gap_ms(stage) <= EXTENSION_MS + 40


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


# --- the endpointer -----------------------------------------------------------------------------

SAID = "Go forward ten meters."
SHORTEST = EndpointingConfig().finished_ms


@dataclass
class FakeEndpointer:
    """Answers with `probability` after `delay_s`; keeps what it was asked."""

    probability: float | None = 0.99
    delay_s: float = 0.05
    heard: list[bytes] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, options: SessionOptions, pcm: bytes) -> float | None:
        self.heard.append(pcm)
        self.asked.append(options.endpointer)
        await asyncio.sleep(self.delay_s)
        return self.probability


def spoken(ms: float) -> np.ndarray:
    return np.concatenate([vowel(ms), quiet(100)])


async def gap_after(stage: Scene, ms: float = 2500) -> float:
    """Speaks for so long and returns the gap to the first audio."""
    await stage.hears(spoken(ms))
    await stage.until(SessionState.SPEAKING)
    return stage.transport.all(TurnTimed)[-1].speech_end_to_first_audio_ms


@on_virtual_time
async def test_a_turn_that_sounds_finished_is_answered_sooner() -> None:
    async with scene(Heard(SAID), judge=FakeEndpointer(0.99)) as stage:
        gap = await gap_after(stage)
        assert SHORTEST <= gap < 200
        assert "endpointer" in stage.transport.all(TurnTimed)[-1].stages


@on_virtual_time
async def test_a_turn_that_sounds_unfinished_waits() -> None:
    async with scene(Heard("Go forward"), judge=FakeEndpointer(0.01)) as stage:
        assert await gap_after(stage, 600) > EXTENSION_MS - 20


@on_virtual_time
async def test_words_that_come_after_the_endpointer_end_the_turn_at_once() -> None:
    async with scene(Heard(SAID, pause_delay_s=0.2), judge=FakeEndpointer()) as stage:
        assert 240 <= await gap_after(stage) < 300


@pytest.mark.parametrize("probability", [None, 0.5])
def test_no_answer_or_a_late_one_leaves_it_to_the_words(probability: float | None) -> None:
    """None is what a session gets of one that is slow, dead or unloaded."""

    @on_virtual_time
    async def conversation() -> None:
        delay = 0.25 if probability is None else 5.0
        judge = FakeEndpointer(probability, delay)
        async with scene(Heard(SAID), Heard(UNFINISHED), judge=judge) as stage:
            assert 280 <= await gap_after(stage) <= 340
            await stage.until(WAITING)
            assert await gap_after(stage) > EXTENSION_MS - 20

    conversation()


@on_virtual_time
async def test_an_endpointer_that_breaks_ends_no_session() -> None:
    async def breaks(_: SessionOptions, __: bytes) -> float | None:
        raise ModelFailed("broke")

    async with scene(Heard(SAID), Heard(SAID), judge=breaks) as stage:
        assert 280 <= await gap_after(stage) <= 340
        assert stage.transport.all(ErrorOccurred)
        await stage.until(WAITING)
        assert 280 <= await gap_after(stage) <= 340


@on_virtual_time
async def test_each_pause_is_asked_about_by_itself() -> None:
    judge = FakeEndpointer(0.99, delay_s=0.2)
    async with scene(Heard(SAID, pause=SAID), judge=judge) as stage:
        await stage.hears(np.concatenate([vowel(500), quiet(140), vowel(700)]))
        assert stage.transport.all(UtteranceEnded) == [], "the answer was about a pause before"
        await stage.until(SessionState.SPEAKING)
        assert len(judge.heard) == 2


@on_virtual_time
async def test_the_last_seconds_of_the_turn_are_heard() -> None:
    judge = FakeEndpointer()
    async with scene(Heard(SAID), Heard(SAID), judge=judge) as stage:
        await gap_after(stage, 20_000)
        assert len(judge.heard[-1]) == 8 * 32_000
        await stage.until(WAITING)
        await gap_after(stage, 500)
        # 300 ms before the onset, the speech, and the 60 ms after which a pause is noticed
        assert 27_000 <= len(judge.heard[-1]) <= 30_000


@on_virtual_time
async def test_a_clients_own_silence_is_obeyed() -> None:
    judge = FakeEndpointer()
    async with scene(Heard(UNFINISHED), judge=judge, fixed_silence=True) as stage:
        assert 280 <= await gap_after(stage) <= 340
        assert judge.heard == []


@on_virtual_time
async def test_an_endpointer_is_swapped_in_mid_call() -> None:
    judge = FakeEndpointer()
    async with scene(Heard(SAID), Heard(SAID), Heard(SAID), judge=judge) as stage:
        await gap_after(stage)
        stage.session.update(stage.session.options.updated(endpointer="another"))
        await stage.until(WAITING)
        assert await gap_after(stage) < 200
        stage.session.update(stage.session.options.updated(endpointer=""))
        await stage.until(WAITING)
        assert 280 <= await gap_after(stage) <= 340
        assert judge.asked == ["fake-endpointer", "another"]
