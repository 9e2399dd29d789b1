"""A day of conversation on the virtual clock: nothing grows but what was said, nothing gets slower.

`vdx bench soak` does the same with real models, in real time.
"""

import asyncio
import gc

import numpy as np
import pytest

from tests.unit.dialog.fakes import FakeResponder, FakeTransport, Heard
from tests.unit.dialog.stage import Scene, scene
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, SessionConfig
from vdx.core.events import SessionState
from vdx.core.voice_choice import VoiceChoice
from vdx.dialog.session_events import ReplyDone, ReplyStarted, UtteranceEnded

DAY_S = 24 * 3600.0
EVERY_S = 1800.0
TURNS = int(DAY_S / EVERY_S)
SETTLED = TURNS // 4
"""Turns after which caches and pools are full."""
ANSWER = ("One two three four five. ", "Six seven eight nine ten.")
UNLIMITED = SessionConfig(
    idle_timeout_seconds=0, max_session_duration_seconds=0, max_messages_per_session=0
)


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


def forget_what_was_recorded(stage: Scene) -> None:
    """The fakes keep everything, which a real transport and model do not."""
    stage.transport.events.clear()
    stage.transport.rows.clear()
    stage.recogniser.streams.clear()
    stage.responder.asked.clear()
    stage.voice.requests.clear()


def gap(transport: FakeTransport) -> float:
    """Seconds from the end of the utterance to the reply's first frame."""
    (first, *_), (ended, *_) = transport.times(ReplyStarted), transport.times(UtteranceEnded)
    assert first >= ended
    return transport.rows[0][0] - ended


async def turn(stage: Scene, number: int) -> float:
    """One turn; every third answer is interrupted, before every fifth the voice changes."""
    other = "tone" if number % 2 else "espeak"
    if number % 5 == 4:
        stage.session.update(stage.session.options.updated(voice_choice=VoiceChoice(other)))
    await stage.person_says()
    await stage.until(SessionState.SPEAKING)
    if number % 5 == 4:
        assert stage.voice.requests[-1][0] == other
    await stage.quiet_for(300)
    found = gap(stage.transport)
    if number % 3 == 2:
        await stage.person_says(ms=800)
        await stage.until(SessionState.SPEAKING)
    while stage.state is not SessionState.WAITING_FOR_INPUT:
        await stage.quiet_for(100)
    done = [event.status for event in stage.transport.all(ReplyDone)]
    assert done == (["cancelled", "completed"] if number % 3 == 2 else ["completed"])
    return found


# A session looks at its limits fifty times a second, all day; the calls below are the cheaper one.
@pytest.mark.long
@on_virtual_time
async def test_a_session_of_a_day_holds_no_more_than_what_was_said() -> None:
    heard = [Heard(f"sentence number {number}") for number in range(2 * TURNS)]
    loop = asyncio.get_running_loop()
    held: list[int] = []
    gaps: list[float] = []
    answers = FakeResponder(default=ANSWER)
    async with scene(*heard, config=Config(session=UNLIMITED), responder=answers) as stage:
        began, tasks = loop.time(), len(asyncio.all_tasks())
        for number in range(TURNS):
            gaps.append(await turn(stage, number))
            forget_what_was_recorded(stage)
            # Nobody's microphone is open all night: the client sends nothing until the next turn.
            await asyncio.sleep(began + (number + 1) * EVERY_S - loop.time())
            assert len(asyncio.all_tasks()) <= tasks
            if number in (SETTLED, TURNS - 1):
                held.append(objects())
        assert loop.time() - began == pytest.approx(DAY_S)
        said = len(stage.said())
    items_a_turn = said / TURNS
    # An item of the history is a handful of objects; anything else that stays shows here.
    grown = (held[-1] - held[0]) / (TURNS - 1 - SETTLED)
    assert grown <= 12 * items_a_turn
    assert max(gaps[-SETTLED:]) <= np.median(gaps[:SETTLED]) + 0.1


@on_virtual_time
async def test_calls_of_a_day_leave_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    held: list[int] = []
    for number in range(TURNS):
        async with scene(Heard("hello"), Heard("and on"), responder=FakeResponder()) as stage:
            await turn(stage, number)
        del stage
        await asyncio.sleep(began + (number + 1) * EVERY_S - loop.time())
        if number in (SETTLED, TURNS - 1):
            held.append(objects())
    assert loop.time() - began == pytest.approx(DAY_S)
    assert held[-1] <= held[0] * 1.001
