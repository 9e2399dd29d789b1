"""A user who stays silent: asked whether they are there, then said goodbye to."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import Scene, scene
from tests.unit.dialog.test_tools import WEATHER, Caller, calls, offers, output
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, IdleConfig, ProfileConfig, SessionConfig
from vdx.core.events import SessionState
from vdx.dialog.history import Item
from vdx.dialog.profiles import resolve
from vdx.dialog.session_events import ReplyDone, ReplyStarted, SessionEnded, UserSilent
from vdx.serving.default_models import DefaultModels

THERE, GOODBYE = "Are you still there?", "Goodbye then."
IDLE = IdleConfig(after_ms=5000, text=THERE, goodbye_after_ms=4000, goodbye_text=GOODBYE)


def now() -> float:
    return asyncio.get_running_loop().time()


def said_by_itself(stage: Scene) -> list[str]:
    return [text for role, text in stage.said() if role == "assistant" and text in (THERE, GOODBYE)]


async def answered(stage: Scene) -> float:
    """The user says something and is answered; when that was over."""
    await stage.person_says()
    await stage.transport.wait_for(ReplyDone)
    return now()


@on_virtual_time
async def test_who_stays_silent_is_asked_and_then_said_goodbye_to() -> None:
    async with scene(Heard("hello"), idle=IDLE) as stage:
        over = await answered(stage)
        await stage.transport.wait_for(ReplyStarted, 2)
        assert now() - over == pytest.approx(5.0, abs=0.2)
        await stage.transport.wait_for(ReplyDone, 2)
        over = now()
        await stage.transport.wait_for(ReplyStarted, 3)
        assert now() - over == pytest.approx(4.0, abs=0.2)
        assert await stage.run == "call_ended"
        assert said_by_itself(stage) == [THERE, GOODBYE]
        assert stage.transport.all(ReplyDone)[-1].status == "completed"  # it was heard to its end
        assert stage.transport.all(SessionEnded)[-1].reason == "call_ended"


@on_virtual_time
async def test_a_session_says_nothing_by_itself_unless_it_is_told_to() -> None:
    async with scene(Heard("hello")) as stage:
        await answered(stage)
        await asyncio.sleep(200)
        assert len(stage.transport.all(ReplyStarted)) == 1


@on_virtual_time
async def test_who_never_says_a_word_is_asked_too() -> None:
    async with scene(idle=IDLE) as stage:
        await stage.transport.wait_for(ReplyDone)
        assert said_by_itself(stage) == [THERE]
        assert await stage.run == "call_ended"


@on_virtual_time
async def test_who_answers_is_asked_anew_after_the_next_silence() -> None:
    async with scene(Heard("hello"), Heard("yes"), idle=IDLE) as stage:
        await answered(stage)
        await stage.transport.wait_for(ReplyDone, 2)
        await stage.quiet_for(2000)
        await stage.person_says()
        await stage.transport.wait_for(ReplyDone, 3)
        await stage.transport.wait_for(ReplyDone, 4)
        assert said_by_itself(stage) == [THERE, THERE]


@on_virtual_time
async def test_a_goodbye_that_is_interrupted_ends_nothing() -> None:
    async with scene(Heard("hello"), Heard("wait"), idle=IDLE) as stage:
        await answered(stage)
        await stage.transport.wait_for(ReplyStarted, 3)
        await stage.person_says(ms=900)
        await stage.transport.wait_for(ReplyDone, 4)
        assert not stage.run.done()
        assert stage.transport.statuses()[2][1] == "cancelled"


@on_virtual_time
async def test_without_a_word_of_goodbye_the_session_ends_all_the_same() -> None:
    idle = IdleConfig(after_ms=5000, text=THERE, goodbye_after_ms=4000)
    async with scene(Heard("hello"), idle=idle) as stage:
        await answered(stage)
        assert await stage.run == "call_ended"
        assert said_by_itself(stage) == [THERE]


@on_virtual_time
async def test_without_a_goodbye_one_is_asked_once() -> None:
    idle = IdleConfig(after_ms=5000, text=THERE)
    async with scene(Heard("hello"), idle=idle) as stage:
        await answered(stage)
        await asyncio.sleep(60)
        assert said_by_itself(stage) == [THERE]
        assert not stage.run.done()


@on_virtual_time
async def test_a_long_turn_and_a_long_answer_are_no_silence() -> None:
    async with scene(Heard("a long story"), idle=IDLE) as stage:
        await stage.person_says(ms=7000)
        await stage.until(SessionState.SPEAKING)
        assert said_by_itself(stage) == []
        await stage.transport.wait_for(ReplyDone)
        await asyncio.sleep(4)
        assert said_by_itself(stage) == []


@on_virtual_time
async def test_a_tool_of_the_client_is_waited_for() -> None:
    responder = Caller(turns=[calls("weather")])
    async with scene(responder=responder, offer=offers(WEATHER), idle=IDLE) as stage:
        stage.session.type_text("How is the weather?")
        await stage.transport.wait_for(ReplyDone)
        await asyncio.sleep(30)
        assert said_by_itself(stage) == []
        stage.session.calls.answer(output("id_weather_0"))
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone, 2)
        await stage.transport.wait_for(ReplyDone, 3)
        assert said_by_itself(stage) == [THERE]


@on_virtual_time
async def test_a_client_that_asks_for_an_answer_has_somebody_there() -> None:
    """As one that sends typed items, and response.create after each."""
    async with scene(Heard("hello"), idle=IDLE) as stage:
        await answered(stage)
        await stage.transport.wait_for(ReplyDone, 2)
        await asyncio.sleep(2)
        stage.session.history.add(Item("typed", "user", "I am typing."))
        stage.session.request_reply()
        await stage.transport.wait_for(ReplyDone, 4)
        assert said_by_itself(stage) == [THERE, THERE]


@on_virtual_time
async def test_a_key_that_is_held_to_speak_is_no_silence() -> None:
    """Voice activity detection is off: what was sent waits for the client to commit it."""
    async with scene(Heard("hello"), idle=IDLE) as stage:
        vad = stage.session.options.vad.model_copy(update={"enabled": False})
        stage.session.update(stage.session.options.updated(vad=vad))
        await stage.quiet_for(500)
        assert stage.session.hearing.by_hand
        await asyncio.sleep(30)
        assert said_by_itself(stage) == []
        stage.session.commit()
        await stage.transport.wait_for(ReplyDone, 2)
        assert said_by_itself(stage) == [THERE]


@on_virtual_time
async def test_the_client_comes_first_and_the_goodbye_follows_all_the_same() -> None:
    async with scene(Heard("hello"), idle=IDLE, nudge_after_ms=3000) as stage:
        await answered(stage)
        await stage.transport.wait_for(UserSilent)
        assert await stage.run == "call_ended"
        assert said_by_itself(stage) == [GOODBYE]


@on_virtual_time
async def test_what_it_says_by_itself_keeps_no_session_open() -> None:
    idle = IdleConfig(after_ms=5000, text=THERE)
    limits = Config(session=SessionConfig(idle_timeout_seconds=20))
    async with scene(Heard("hello"), config=limits, idle=idle) as stage:
        over = await answered(stage)
        assert await stage.run == "idle_timeout"
        assert now() - over < 22


def test_a_profile_has_its_own_texts() -> None:
    config = Config(idle=IDLE, profiles={"vdx": ProfileConfig(), "de": ProfileConfig(idle=_de())})
    assert resolve(config, "vdx", DefaultModels()).idle == IDLE
    assert resolve(config, "de", DefaultModels()).idle.text == "Sind Sie noch da?"


def _de() -> IdleConfig:
    return IdleConfig(after_ms=9000, text="Sind Sie noch da?")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"after_ms": 1000}, "set text"),
        ({"after_ms": 1000, "text": "  "}, "set text"),
        ({"goodbye_after_ms": 1000, "goodbye_text": "Bye."}, "set that too"),
        ({"after_ms": -1, "text": "Hello?"}, "greater than or equal to 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        IdleConfig.model_validate(given)
