"""The worker's rooms: what breaks in one is not noticed in another."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.test_app import hosted
from vdx.core.config import Config
from vdx.core.errors import RoomError, ServersBusy
from vdx.dialog.profiles import SessionOptions
from vdx.serving.routing import OVERLOADED
from vdx.transports.room import native_log, worker
from vdx.transports.room.conversation import Ticket
from vdx.transports.room.worker import RoomWorker


class FakeConversation:
    """Ends as its room's name says."""

    def __init__(self, _host: object, ticket: Ticket, _metadata: str, _lead: object) -> None:
        self._room = ticket.room

    async def run(self) -> str:
        await asyncio.sleep(0)
        if self._room == "broken":
            raise ZeroDivisionError("a fault in this room alone")
        if self._room == "refused":
            raise RoomError("the LiveKit server did not let the agent in")
        await asyncio.sleep(0.05)
        return "lost" if self._room == "lost" else "gone"


@pytest.fixture
def over() -> list[str]:
    """Dispatches that LiveKit was told are over."""
    return []


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch, over: list[str]) -> RoomWorker:
    async def done(_config: object, dispatch: str, _room: str) -> None:
        over.append(dispatch)

    monkeypatch.setattr(worker, "RoomConversation", FakeConversation)
    monkeypatch.setattr(worker, "dispatch_is_done", done)
    return RoomWorker(cast(Any, SimpleNamespace(config=Config())))


def job(name: str) -> SimpleNamespace:
    return SimpleNamespace(id=name, metadata="", dispatch_id=f"dispatch-{name}")


async def test_a_fault_in_one_room_touches_no_other(rooms: RoomWorker, over: list[str]) -> None:
    names = ("steady", "broken", "refused", "steady-too")
    serving = [rooms._serve(job(name), Ticket("ws://x", "", name)) for name in names]
    reasons = await asyncio.gather(*serving)
    assert reasons == ["gone", "internal", RoomError("").code, "gone"]
    assert rooms.load == 0
    assert sorted(over) == sorted(f"dispatch-{name}" for name in names)


async def test_a_worker_that_ends_leaves_the_dispatch_for_another(
    rooms: RoomWorker, over: list[str]
) -> None:
    serving = asyncio.create_task(rooms._serve(job("steady"), Ticket("ws://x", "", "steady")))
    await asyncio.sleep(0.01)
    await rooms._cancel_rooms()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert over == []
    assert rooms.load == 0


async def test_a_room_whose_connection_was_lost_keeps_its_dispatch(
    rooms: RoomWorker, over: list[str]
) -> None:
    """People may be in it still, and get another agent."""
    assert await rooms._serve(job("lost"), Ticket("ws://x", "", "lost")) == "lost"
    assert over == []
    assert rooms.load == 0


def test_a_handle_that_the_native_library_drops_twice_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    native = logging.getLogger("livekit")
    native_log.quieten()
    native_log.quieten()
    for message in ("Attempted to drop unknown FFI handle: 24", "the track failed"):
        native.warning("%s:%s:%s - %s", "livekit_ffi::server", 279, "livekit_ffi::server", message)
    assert [record.args[-1] for record in caplog.records if record.args] == ["the track failed"]
    assert native.filters.count(native_log._FILTER) == 1


class Request:
    """A job that is offered, and what was answered."""

    def __init__(self, metadata: str = "") -> None:
        self.job = SimpleNamespace(id="job", metadata=metadata)
        self.answers: list[str] = []

    async def accept(self, **_: str) -> None:
        self.answers.append("accepted")

    async def reject(self, *, terminate: bool = True) -> None:
        """As livekit-agents has it: the job ends, unless it may go to another worker."""
        self.answers.append("ended" if terminate else "left to another worker")


@pytest.mark.parametrize(
    ("metadata", "busy", "answer"),
    [("", False, "accepted"), ("", True, "left to another worker"), ("no JSON", True, "accepted")],
)
async def test_a_job_is_refused_where_every_server_is_busy(
    metadata: str, busy: bool, answer: str
) -> None:
    _, host = hosted()

    async def require_free(_options: SessionOptions) -> None:
        if busy:
            raise ServersBusy("every server has 16 requests in flight to espeak or more")

    host.require_free = require_free  # type: ignore[method-assign]
    rooms, request = RoomWorker(host), Request(metadata)
    await rooms._answer(cast(Any, request))
    assert request.answers == [answer]
    assert len(rooms._promised) == (answer == "accepted")


async def test_a_worker_that_drains_leaves_jobs_to_others() -> None:
    rooms, request = RoomWorker(hosted()[1]), Request()
    await rooms.drain()
    await rooms._answer(cast(Any, request))
    assert request.answers == ["left to another worker"]


async def test_a_job_is_answered_before_livekit_gives_the_worker_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, host = hosted(routing={"wait_ms": 60_000})
    await host.load_defaults()
    monkeypatch.setattr(host.client.streams, "in_flight", lambda _: OVERLOADED)
    monkeypatch.setattr(worker, "ANSWER_S", 0.1)
    rooms, request = RoomWorker(host), Request()
    async with asyncio.timeout(5):
        await rooms._answer(cast(Any, request))
    assert request.answers == ["left to another worker"]
    assert not rooms._promised
    await host.close()
