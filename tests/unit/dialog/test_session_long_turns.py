"""A turn of three minutes, and a person who never stops."""

import asyncio

import numpy as np

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import answered, long_answer, quiet, scene
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, SessionConfig
from vdx.core.events import SessionState
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.session_events import ReplyStarted, UtteranceEnded, UtteranceStarted

SAID = "That was all."
SENTENCE = np.concatenate([vowel(1800), quiet(200)])


def talk(seconds: int) -> np.ndarray:
    return np.tile(SENTENCE, seconds // 2)


@on_virtual_time
async def test_a_turn_of_three_minutes_is_one_turn() -> None:
    asked = []

    async def judge(_: SessionOptions, pcm: bytes) -> float | None:
        asked.append(len(pcm))
        return 0.02

    async with scene(Heard(SAID), judge=judge) as stage:
        await stage.hears(talk(180))
        assert stage.transport.all(UtteranceEnded) == []
        assert max(asked) == 8 * 32_000, "an endpointer hears the last 8 s"
        await stage.until(SessionState.SPEAKING)
        assert stage.said()[0] == ("user", SAID)
        assert len(stage.transport.all(UtteranceStarted)) == 1
        assert len(stage.recogniser.streams[0].received) >= 180 * 32_000 - 10_000


@on_virtual_time
async def test_a_person_who_never_stops_interrupts_once_and_ends_with_the_session() -> None:
    config = Config(session=SessionConfig(max_session_duration_seconds=20))
    heard = Heard("hello"), Heard("and another thing", pause="and another thing and")
    async with scene(*heard, responder=long_answer(), config=config) as stage:
        await answered(stage)
        await stage.quiet_for(500)
        talking = asyncio.create_task(stage.hears(talk(30)))
        assert await stage.run == "max_session_duration"
        await talking
        assert stage.transport.statuses() == [(1, "cancelled")]
        assert len(stage.transport.all(ReplyStarted)) == 1, "nobody is answered while they speak"
        assert stage.state is SessionState.TERMINATED
