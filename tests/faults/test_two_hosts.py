"""Two hosts, each with a frontend, a Triton and its manager, and one Redis: calls on each, one
host cut off and healed, one drained for an upgrade; nobody is dropped.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.faults.hosts import Host, Network, network
from tests.security.test_mutual_tls import SCRIPT
from tests.server.processes import LONG_ANSWER, Http, Vdx, eventually, running
from tests.server.talk import Talk, talking
from tests.unit.serving.test_shared_registry import PASSWORD, RedisServer

# Two Tritons and half a minute of outages; tests/faults/test_two_tritons.py has two of one host,
# tests/unit/serving/test_registry_outage.py the registry that is away.
pytestmark = pytest.mark.long

KEY = "a-key-of-this-test"
GRPC, MANAGER, FRONTEND = 8001, 8090, 8080
EXPIRY_MS = 4000
PEOPLE = 2
"""At each frontend."""


@dataclass(slots=True)
class Machine:
    """What runs on one host; `triton` is its `vdx triton --announce`."""

    host: Host
    folder: Path
    redis: str
    tls: Path
    livekit: dict[str, Any] = field(default_factory=dict)
    """Whose rooms its frontend serves; empty: none."""
    parts: dict[str, Vdx] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{self.host.for_people}:{FRONTEND}"

    @property
    def manager(self) -> "Keyed":
        return Keyed(f"http://{self.host.address}:{MANAGER}")

    @property
    def frontend(self) -> "Keyed":
        return Keyed(self.url)

    def config(self, who: str) -> dict[str, Any]:
        answers = self.folder / "answers.yaml"
        answers.write_text(yaml.safe_dump([LONG_ANSWER]))
        own = self.host.address
        files = {"ca": "ca.crt", "certificate": f"{who}.crt", "key": f"{who}.key"}
        return {
            "tts": {"voice": "espeak-en"},
            "asr": {"model": "canned"},
            "responder": {"kind": "script", "script": {"path": str(answers)}},
            "endpointing": {"model": "none"},
            "server": {"api_keys": [KEY], "host": "0.0.0.0", "max_sessions": 100},
            "model_manager": {
                "api_key": KEY,
                "lease_heartbeat_ms": 1000,
                "lease_expiry_ms": EXPIRY_MS,
            },
            "triton": {"tls": {key: str(self.tls / name) for key, name in files.items()}},
            "registry": {
                "url": self.redis,
                "password": PASSWORD,
                "name": self.host.name,
                "triton_url": f"{own}:{GRPC}",
                "manager_url": f"http://{own}:{MANAGER}",
            },
            **({"livekit": self.livekit} if self.livekit else {}),
        }

    @contextlib.contextmanager
    def part(self, name: str, who: str, *arguments: str) -> Iterator[Vdx]:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        environ = {"VDX_HOME": str(self.folder / f"home-{name}")}
        prefix = self.host.prefix
        with running(
            *arguments, home=home, config=self.config(who), environ=environ, prefix=prefix
        ) as vdx:
            self.parts[name] = vdx
            yield vdx

    def triton(self) -> "contextlib.AbstractContextManager[Vdx]":
        own = f"{self.host.address}:{GRPC}"
        ports = ("--host", "0.0.0.0", "--port", str(MANAGER))
        return self.part("triton", "server", "triton", "--announce", "--grpc-address", own, *ports)

    def serve(self) -> "contextlib.AbstractContextManager[Vdx]":
        own = self.host.address
        known = ("--triton-url", f"{own}:{GRPC}", "--manager", f"http://{own}:{MANAGER}")
        rooms = ("--livekit",) if self.livekit else ()
        return self.part("frontend", "client", "frontend", "--port", str(FRONTEND), *known, *rooms)


class Keyed(Http):
    """Requests with the key."""

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        return super()._ask(method, path, {"Authorization": f"Bearer {KEY}", **headers})

    def servers(self) -> set[str]:
        return {each["name"] for each in self.get("/vdx/servers")[1]["servers"]}

    def voices_on(self) -> set[str]:
        """The servers that speak for the sessions of a frontend."""
        routes = self.get("/vdx/routes")[1]["routes"]
        return {each["server"] for each in routes if each["kind"] == "tts"}


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as made:
        yield made


@pytest.fixture
async def machines(net: Network, tmp_path: Path) -> AsyncIterator[list[Machine]]:
    async with serving(net, tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def serving(
    net: Network, tmp_path: Path, livekit: dict[str, Any] | None = None
) -> AsyncIterator[list[Machine]]:
    """Everything of both hosts; each knows the other."""
    tls = tmp_path / "tls"
    addresses = [host.address for host in net.hosts]
    await asyncio.to_thread(subprocess.run, [SCRIPT, tls, *addresses], check=True)
    redis = RedisServer(tmp_path, net.here)
    await redis.start()
    made = []
    for host in net.hosts:
        (tmp_path / host.name).mkdir()
        made.append(Machine(host, tmp_path / host.name, redis.url, tls, livekit or {}))
    with contextlib.ExitStack() as stack:
        for each in made:
            stack.enter_context(each.triton())
        for each in made:
            await asyncio.to_thread(each.parts["triton"].said, r"ready: http")
            stack.enter_context(each.serve())
        for each in made:
            await asyncio.to_thread(each.parts["frontend"].said, r"ready: http")
        await both_known(made)
        yield made
        outputs = {name: vdx.output for each in made for name, vdx in each.parts.items()}
    redis.stop()
    assert not any("Traceback" in output for output in outputs.values()), outputs


async def both_known(machines: list[Machine]) -> None:
    for each in machines:
        await asyncio.to_thread(
            eventually, lambda one=each: one.frontend.servers() == {"a", "b"}, "both are known"
        )


@contextlib.asynccontextmanager
async def calls(machines: list[Machine]) -> AsyncIterator[list[Talk]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(talking(each.url, api_key=KEY))
            for each in machines
            for _ in range(PEOPLE)
        ]


async def sounding(talks: list[Talk]) -> list[int]:
    """Every person has asked, and hears the answer."""
    marks = []
    for talk in talks:
        marks.append(len(talk.events))
        await talk.turn()
    for talk, mark in zip(talks, marks, strict=True):
        await talk.wait("response.output_audio.delta", after=mark, count=10)
    return marks


async def whole(talks: list[Talk], marks: list[int]) -> None:
    for talk, mark in zip(talks, marks, strict=True):
        done = await talk.wait("response.done", after=mark)
        assert done["response"]["status"] == "completed"
        assert done["response"]["output"][0]["content"][0]["transcript"] == LONG_ANSWER


async def answered(talks: list[Talk]) -> None:
    await whole(talks, await sounding(talks))


async def test_a_host_is_cut_off_and_healed_and_one_is_upgraded(machines: list[Machine]) -> None:
    first, second = machines
    async with calls(machines) as talks:
        await answered(talks)
        marks = await sounding(talks)
        second.host.cut()
        await whole(talks, marks)
        await answered(talks)
        for own, other in ((first, "b"), (second, "a")):
            await asyncio.to_thread(
                eventually, lambda one=own, name=other: name not in one.frontend.voices_on(), "left"
            )
        async with calls(machines) as late:
            await answered(late)

        second.host.heal()
        await both_known(machines)
        await answered(talks)

        status, _ = await asyncio.to_thread(first.manager.post, "/vdx/servers/a/drain")
        assert status == 200
        await answered(talks)
        for each in machines:
            voices = await asyncio.to_thread(each.frontend.voices_on)
            assert voices == {"b"}, "who is drained serves nobody"
        marks = await sounding(talks)
        assert await asyncio.to_thread(first.parts["triton"].interrupt) == 0
        await whole(talks, marks)
        with first.triton() as upgraded:
            await asyncio.to_thread(upgraded.said, r"ready: http")
            await both_known(machines)
            await answered(talks)
            assert not any(talk.closed for talk in talks), "nobody was dropped"
            await asyncio.to_thread(upgraded.interrupt)
