"""The outbox on virtual time: order, bounds, and clients that do not read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.unit.virtual_time import on_virtual_time
from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import SessionLimit
from vdx.transports.realtime.outbox import MAX_AUDIO, MAX_EVENTS, Outbox

TIMEOUT_S = 10.0


class Client:
    """Reads one message every `pace_s`."""

    def __init__(self, pace_s: float = 0.0) -> None:
        self.pace_s = pace_s
        self.read: list[str] = []

    async def __call__(self, text: str) -> None:
        if self.pace_s:
            await asyncio.sleep(self.pace_s)
        self.read.append(text)


@asynccontextmanager
async def writing(outbox: Outbox) -> AsyncIterator[asyncio.Task[None]]:
    """The writer; it is closed at the end and must then return."""
    task = asyncio.create_task(outbox.run(), name="write")
    try:
        yield task
    finally:
        outbox.close()
        await asyncio.wait({task})


@on_virtual_time
async def test_what_was_queued_leaves_in_order_and_before_the_end() -> None:
    client = Client(pace_s=0.01)
    outbox = Outbox(client, TIMEOUT_S)
    outbox.post("before it runs")
    async with writing(outbox):
        outbox.post("a")
        await outbox.audio(1, "a1", 0.0)
        outbox.post("b")
        await outbox.audio(1, "a2", 0.0)
        outbox.post("c")
    assert client.read == ["before it runs", "a", "a1", "b", "a2", "c"]


@on_virtual_time
async def test_audio_waits_for_a_slow_reader() -> None:
    client = Client(pace_s=1.0)
    outbox = Outbox(client, TIMEOUT_S)
    sent: list[int] = []

    async def play() -> None:
        for number in range(20):
            await outbox.audio(1, f"a{number}", 0.0)
            sent.append(number)

    async with writing(outbox):
        playing = asyncio.create_task(play())
        for _ in range(40):
            await asyncio.sleep(0.5)
            # One is being written, one may have been taken just now.
            assert len(sent) - len(client.read) <= MAX_AUDIO + 1
        await playing
    assert client.read == [f"a{number}" for number in range(20)]


@on_virtual_time
async def test_events_never_wait_for_audio() -> None:
    client = Client(pace_s=1.0)
    outbox = Outbox(client, TIMEOUT_S)
    async with writing(outbox):
        for number in range(MAX_AUDIO + 1):  # the first is being written
            await outbox.audio(1, f"a{number}", 0.0)
        blocked = asyncio.create_task(outbox.audio(1, "late", 0.0))
        outbox.post("event")
        await blocked
    assert client.read.index("event") < client.read.index("late")


@on_virtual_time
async def test_audio_of_one_reply_can_be_taken_back() -> None:
    client = Client(pace_s=1.0)
    outbox = Outbox(client, TIMEOUT_S)
    outbox.post("before")
    await outbox.audio(1, "old", 0.0)
    outbox.post("between")
    await outbox.audio(2, "new", 0.0)
    await outbox.audio(1, "old too", 0.0)
    outbox.drop_audio(1)
    outbox.drop_audio(3)
    async with writing(outbox):
        outbox.post("after")
    assert client.read == ["before", "between", "new", "after"]


@on_virtual_time
async def test_taking_audio_back_makes_room() -> None:
    outbox = Outbox(Client(), TIMEOUT_S)
    for number in range(MAX_AUDIO):
        await outbox.audio(1, f"old {number}", 0.0)
    waiting = [asyncio.create_task(outbox.audio(2, f"new {n}", 0.0)) for n in range(MAX_AUDIO + 1)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in waiting)
    outbox.drop_audio(1)
    await asyncio.sleep(1)
    assert [task.done() for task in waiting] == [True] * MAX_AUDIO + [False]
    async with writing(outbox):
        await asyncio.wait(waiting)


@on_virtual_time
async def test_a_cancelled_wait_for_room_leaves_no_audio() -> None:
    client = Client()
    outbox = Outbox(client, TIMEOUT_S)
    for number in range(MAX_AUDIO):
        await outbox.audio(1, f"old {number}", 0.0)
    playing = asyncio.create_task(outbox.audio(1, "stale", 0.0))
    await asyncio.sleep(1)
    playing.cancel()  # an interruption cancels the reply, then takes its audio back
    outbox.drop_audio(1)
    async with writing(outbox):
        await asyncio.wait({playing})
        await outbox.audio(2, "new", 0.0)
    assert client.read == ["new"]


@on_virtual_time
async def test_a_client_that_reads_nothing_is_given_up() -> None:
    outbox = Outbox(Client(pace_s=TIMEOUT_S + 1), TIMEOUT_S)
    outbox.post("hello")
    began = asyncio.get_running_loop().time()
    with pytest.raises(SessionLimit, match="has read nothing for 10 s"):
        await outbox.run()
    assert asyncio.get_running_loop().time() - began == pytest.approx(TIMEOUT_S)


@on_virtual_time
async def test_a_client_far_behind_is_given_up_and_costs_no_more_memory() -> None:
    client = Client(pace_s=1.0)
    outbox = Outbox(client, TIMEOUT_S)
    async with asyncio.timeout(TIMEOUT_S):
        writer = asyncio.create_task(outbox.run())
        outbox.post("first")
        await asyncio.sleep(0.5)
        for number in range(10 * MAX_EVENTS):
            outbox.post(str(number))
        assert len(outbox._queue) <= MAX_EVENTS
        with pytest.raises(SessionLimit, match=f"{MAX_EVENTS} events behind"):
            await writer
    assert client.read == ["first"]


@on_virtual_time
async def test_nobody_waits_for_room_after_the_end() -> None:
    outbox = Outbox(Client(), TIMEOUT_S)
    for number in range(MAX_AUDIO):
        await outbox.audio(1, str(number), 0.0)
    playing = asyncio.create_task(outbox.audio(1, "late", 0.0))
    await asyncio.sleep(1)
    outbox.close()
    await asyncio.wait_for(playing, WAIT_LIMIT_S)
    await asyncio.wait_for(outbox.run(), WAIT_LIMIT_S)
    assert playing.done()


@on_virtual_time
async def test_a_client_that_left_ends_the_writer() -> None:
    async def gone(_: str) -> None:
        raise ConnectionResetError("gone")

    outbox = Outbox(gone, TIMEOUT_S)
    outbox.post("hello")
    with pytest.raises(ConnectionResetError):
        await outbox.run()
