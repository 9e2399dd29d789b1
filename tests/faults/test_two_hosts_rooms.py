"""Two hosts serve the rooms of one LiveKit server: one is cut off and healed, one is upgraded.

Whoever was in a room of the host that is cut off gets an agent of the other host; nobody is left
alone, and nobody has two.
"""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.hosts import Network, network
from tests.faults.test_two_hosts import KEY, Machine, serving
from tests.livekit.guest import Guest
from tests.server.processes import eventually
from vdx.cli.livekit_server import require_livekit_server
from vdx.client.room import ask_token
from vdx.serving.livekit import DevelopmentLiveKit

# As tests/faults/test_two_hosts.py; two workers of one host: tests/livekit/test_worker.py.
pytestmark = pytest.mark.long

MOST_GUESTS = 8
"""By then both hosts serve a room: LiveKit chooses among workers by their load."""


class LiveKitAmongHosts(DevelopmentLiveKit):
    """One that hosts reach, not this machine alone."""

    def __init__(self, program: Path, address: str) -> None:
        super().__init__(program, 0)
        self.address = address

    @property
    def url(self) -> str:
        return super().url.replace("127.0.0.1", self.address)

    def _config(self) -> dict[str, object]:
        whole = super()._config()
        whole["bind_addresses"] = ["127.0.0.1", self.address]
        rtc: Any = whole["rtc"]
        rtc["node_ip"] = self.address
        return whole


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as made:
        for host in made.hosts:  # without a way out WebRTC takes no network for one
            way = ["route", "add", "default", "via", made.here]
            subprocess.run(["ip", "-n", host.namespace, *way], check=True)
        yield made


@pytest.fixture
async def machines(net: Network, tmp_path: Path) -> AsyncIterator[list[Machine]]:
    async with rooms_among(net) as livekit, serving(net, tmp_path, livekit) as made:
        yield made


@contextlib.asynccontextmanager
async def rooms_among(net: Network) -> AsyncIterator[dict[str, Any]]:
    """A LiveKit server, and what a frontend has to know of it."""
    program = await asyncio.to_thread(require_livekit_server, print)
    async with LiveKitAmongHosts(program, net.here) as livekit:
        secrets = {"api_key": livekit.api_key, "api_secret": livekit.api_secret}
        yield {"url": livekit.url, **secrets, "rejoin_grace_seconds": 5, "max_rooms": MOST_GUESTS}


def rooms_of(machine: Machine) -> float:
    return machine.frontend.metric("vdx_rooms")


@contextlib.asynccontextmanager
async def guests_of_both(machines: list[Machine]) -> AsyncIterator[list[Guest]]:
    """People in rooms, at least one of each host."""
    first = machines[0]
    async with contextlib.AsyncExitStack() as stack:
        guests: list[Guest] = []
        while not all([await asyncio.to_thread(rooms_of, each) for each in machines]):
            assert len(guests) < MOST_GUESTS, "LiveKit gives one host all rooms"
            token = await asyncio.to_thread(ask_token, first.url, KEY, {})
            guest = await stack.enter_async_context(Guest.joined(first.url, token, silent=True))
            try:
                await guest.ready()
            except AssertionError as error:
                said = "\n".join(each.parts["frontend"].output[-2000:] for each in machines)
                raise AssertionError(f"{error}; the frontends:\n{said}") from None
            guests.append(guest)
        yield guests


async def answered(guests: list[Guest]) -> None:
    for guest in guests:
        mark = len(guest.events)
        await guest.room.local_participant.send_text("still there", topic="lk.chat")
        assert (await guest.event("vdx.reply.ended", mark))["status"] == "completed"


async def test_nobody_is_left_alone_in_a_room(machines: list[Machine]) -> None:
    first, second = machines
    async with guests_of_both(machines) as guests:
        await answered(guests)
        marks = [len(guest.events) for guest in guests]
        alone = int(await asyncio.to_thread(rooms_of, second))
        second.host.cut()

        def moved() -> list[int]:
            """How many agents each person got since."""
            seen = zip(guests, marks, strict=True)
            return [len(guest.seen("vdx.session", mark)) for guest, mark in seen]

        await asyncio.to_thread(eventually, lambda: sum(moved()) >= alone, "another agent for each")
        assert sorted(moved()) == [0] * (len(guests) - alone) + [1] * alone
        await answered(guests)

        second.host.heal()
        await asyncio.to_thread(eventually, lambda: rooms_of(second) == 0, "the old agents went")
        await answered(guests)
        assert [len(guest.agents) for guest in guests] == [1] * len(guests)

        frontend = first.parts["frontend"]
        frontend.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(
            eventually, lambda: first.frontend.get("/readyz") == (503, "draining"), "it drains"
        )
        await answered(guests)
        token = await asyncio.to_thread(ask_token, second.url, KEY, {})
        async with Guest.joined(second.url, token, silent=True) as late:
            await late.ready()
            assert await asyncio.to_thread(rooms_of, second) == 1, "who comes now is not its guest"
            await answered([late])
    assert await asyncio.to_thread(frontend.wait) == 0
