"""Workers: they share rooms, drain, survive each other's death and a LiveKit server's restart."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.livekit.conftest import served, worker_arguments
from tests.livekit.guest import Guest
from tests.server.processes import Http, Vdx, eventually, running
from vdx.serving.embedded import EmbeddedTriton
from vdx.serving.livekit import DevelopmentLiveKit


@pytest.fixture(scope="module")
def pair(
    triton: EmbeddedTriton, config: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Vdx, Vdx]]:
    """Two workers of one LiveKit server, with room for one conversation each."""
    # A name of their own: the worker of the other tests may run yet.
    own = {"max_rooms": 1, "agent_name": "pair", "agents": {}}
    narrow = config | {"livekit": config["livekit"] | own}
    homes = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    with (
        running(*worker_arguments(triton), home=homes[0], config=narrow) as one,
        running(*worker_arguments(triton), home=homes[1], config=narrow) as two,
    ):
        served(one)
        served(two)
        yield one, two


def sessions(vdx: Vdx) -> int:
    return int(Http(vdx.url()).status()["sessions"])


async def says_and_is_answered(guest: Guest) -> None:
    mark = len(guest.events)
    await guest.room.local_participant.send_text("still there", topic="lk.chat")
    assert (await guest.event("vdx.reply.ended", mark))["status"] == "completed"


async def test_two_workers_share_rooms_and_one_may_be_killed(pair: tuple[Vdx, Vdx]) -> None:
    one, two = pair
    async with Guest.met(one.url()) as first, Guest.met(one.url()) as second:
        counts = await asyncio.gather(*(asyncio.to_thread(sessions, w) for w in pair))
        assert counts == [1, 1]
        victims_session = (await first.call("vdx.stats"))["session"]
        listed = await asyncio.to_thread(Http(one.url()).get, "/vdx/sessions")
        of_one = [each["id"] for each in listed[1]["sessions"]]
        victim = one if victims_session in of_one else two
        left = len(first.events)
        victim.process.kill()
        victim.wait()
        await says_and_is_answered(second)
        # The other worker had no room for both. Now it has, and finds who was left alone.
        await second.leave()
        await first.until(lambda: first.seen("vdx.session", left), "another agent")
        assert first.seen("vdx.session", left)[0]["session"] != victims_session
        await says_and_is_answered(first)


async def test_sigterm_lets_a_conversation_end_by_itself(pair: tuple[Vdx, Vdx]) -> None:
    one, *others = [worker for worker in pair if worker.process.poll() is None]
    for worker in others:
        worker.end()
    http = Http(one.url())
    await asyncio.to_thread(eventually, lambda: not sessions(one), "nobody in its room")
    async with Guest.met(one.url()) as guest:
        assert (await asyncio.to_thread(http.get, "/readyz"))[0] == 200
        one.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(
            eventually, lambda: http.get("/readyz") == (503, "draining"), "readyz says draining"
        )
        mark = len(guest.events)
        await guest.room.local_participant.send_text("one more thing", topic="lk.chat")
        assert (await guest.event("vdx.reply.ended", mark))["status"] == "completed"
        assert await asyncio.to_thread(http.get, "/readyz") == (503, "draining")
        assert one.process.poll() is None
    assert await asyncio.to_thread(one.wait) == 0


@pytest.mark.long  # tests/browser/test_rooms.py restarts one under a page
async def test_a_restarted_livekit_server_finds_its_workers_again(
    livekit_program: Path, triton: EmbeddedTriton, config: dict[str, Any], tmp_path: Path
) -> None:
    async with DevelopmentLiveKit(livekit_program, 0) as livekit:
        keys = {
            "url": livekit.url,
            "api_key": livekit.api_key,
            "api_secret": livekit.api_secret,
            "agents": {},
        }
        own = config | {"livekit": config["livekit"] | keys, "log": {"level": "info"}}
        with running(*worker_arguments(triton), home=tmp_path, config=own) as vdx:
            url = await asyncio.to_thread(served, vdx)
            async with Guest.met(url) as guest:
                await livekit.restart()
            await asyncio.to_thread(vdx.said, r"(?s)worker registered.*worker registered")
            async with Guest.met(url) as guest:
                await guest.call("vdx.say", '{"text": "Here again."}')
                assert (await guest.event("vdx.reply.ended"))["text"] == "Here again."
