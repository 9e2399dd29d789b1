"""How a session ends, and that nothing of it stays."""

import asyncio

import pytest

from tests.unit.dialog.fakes import Heard
from tests.unit.dialog.stage import (
    answered,
    long_answer,
    scene,
)
from tests.unit.speech.signals import vowel
from tests.unit.virtual_time import on_virtual_time
from vdx.core.config import Config, SessionConfig
from vdx.core.events import SessionState
from vdx.dialog.session_events import FinalTranscript, ReplyDone, SessionEnded, StateChanged

SPEAKING = SessionState.SPEAKING
WAITING = SessionState.WAITING_FOR_INPUT
TERMINATED = SessionState.TERMINATED


def limited(**limits: float) -> Config:
    return Config(session=SessionConfig(**limits))  # type: ignore[arg-type]  # numbers of either kind


@on_virtual_time
async def test_the_idle_limit() -> None:
    async with scene(Heard("hello"), config=limited(idle_timeout_seconds=5)) as stage:
        await answered(stage)
        ended_at = (await stage.transport.wait_for(ReplyDone), stage.transport.times(ReplyDone))
        assert await stage.run == "idle_timeout"
        (over,) = stage.transport.times(SessionEnded)
        assert over - ended_at[1][0] == pytest.approx(5, abs=0.1)


@on_virtual_time
async def test_the_limit_is_reached_while_speaking() -> None:
    config = limited(max_session_duration_seconds=2)
    async with scene(Heard("hello"), config=config, responder=long_answer()) as stage:
        await answered(stage)
        assert await stage.run == "max_session_duration"
        ended = stage.transport.all(ReplyDone)[0]
        assert (ended.status, ended.reason) == ("cancelled", "max_session_duration")
        assert stage.said()[-1] == ("assistant", ended.text)
        assert stage.state is TERMINATED
        kinds = [type(event) for _, event in stage.transport.events]
        assert kinds[-3:] == [ReplyDone, SessionEnded, StateChanged]


@on_virtual_time
async def test_the_limit_of_messages_lets_the_last_reply_end() -> None:
    heard = [Heard("one"), Heard("two"), Heard("three")]
    async with scene(*heard, config=limited(max_messages_per_session=4)) as stage:
        await answered(stage)
        await stage.until(WAITING)
        await answered(stage)
        assert await stage.run == "max_messages"
        assert stage.transport.statuses() == [(1, "completed"), (2, "completed")]


@on_virtual_time
async def test_the_limit_of_messages_ends_a_session_that_answers_nothing() -> None:
    """As one that transcribes only; its end was announced."""
    heard, config = [Heard("one"), Heard("two")], limited(max_messages_per_session=1)
    async with scene(*heard, config=config, auto_reply=False) as stage:
        for count in (1, 2):
            assert not stage.run.done()
            await stage.person_says(silence_ms=1000)
            await stage.transport.wait_for(FinalTranscript, count)
        assert await stage.run == "max_messages"
        assert stage.transport.statuses() == []


@on_virtual_time
async def test_no_limits() -> None:
    config = limited(
        idle_timeout_seconds=0, max_session_duration_seconds=0, max_messages_per_session=0
    )
    async with scene(config=config) as stage:
        await asyncio.sleep(4_000)
        assert not stage.run.done()


@pytest.mark.parametrize("moment", ["speech", "thinking", "speaking", "barged_in", "prepared"])
@pytest.mark.parametrize("cancel", [False, True])
def test_closing_frees_everything_within_a_second(moment: str, cancel: bool) -> None:
    @on_virtual_time
    async def conversation() -> None:
        loop = asyncio.get_running_loop()
        slow = Heard("hello", pause="" if moment == "thinking" else None, delay_s=0.5)
        async with scene(slow, Heard(hangs=True), responder=long_answer()) as stage:
            await stage.hears(vowel(400))
            if moment == "prepared":
                await stage.quiet_for(200)
            elif moment == "thinking":
                await stage.quiet_for(400)
            elif moment != "speech":
                await stage.until(SPEAKING)
            if moment == "barged_in":
                await stage.quiet_for(300)
                await stage.hears(vowel(200))
            began = loop.time()
            if cancel:
                stage.run.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await stage.run
            else:
                stage.session.close("gone")
                assert await stage.run == "gone"
            assert loop.time() - began < 1.0
            assert len(asyncio.all_tasks()) == 1
            assert stage.state is TERMINATED
            assert stage.transport.all(SessionEnded)
            assert all(item.status != "in_progress" for item in stage.session.history)
            await stage.session.feed(vowel(3000).astype("<i2").tobytes())
            assert len(asyncio.all_tasks()) == 1

    conversation()


@on_virtual_time
async def test_closing_while_a_recording_is_worked_off() -> None:
    async with scene(Heard(hangs=True)) as stage:
        feeding = asyncio.create_task(
            stage.session.feed(vowel(60_000).astype("<i2").tobytes()), name="feeding"
        )
        await asyncio.sleep(0.5)
        stage.session.close()
        await feeding
        assert await stage.run == "closed"


@on_virtual_time
async def test_what_comes_before_the_session_runs_waits_for_it() -> None:
    async with scene(lead_in=False) as made:
        options, services = made.session.options, made.session._services
        session = type(made.session)(
            "early", options, services, made.transport, made.session._clock
        )
        session.type_text("hi")
        run = asyncio.create_task(session.run(), name="early")
        await made.transport.wait_for(ReplyDone)
        session.close()
        assert await run == "closed"
        assert [item.role for item in session.history] == ["user", "assistant"]
