"""Two frontends, two Tritons with a manager each, one Redis and eight people: voices are swapped,
updated and evicted while they talk, and one Triton is killed. Every reply is whole: no word of it
is missing or doubled, and nobody waits for a model to be loaded anew.
"""

import asyncio
import base64
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.repetitions import Measured
from tests.server.processes import LONG_ANSWER, VARIANTS, Http, Vdx, eventually, running
from tests.server.talk import Talk, talking
from tests.triton.repository import add_variant
from tests.unit.serving.test_shared_registry import PASSWORD, RedisServer
from vdx.bench.procfs import tree
from vdx.bench.scrape import parse
from vdx.client.listener import Listener

# Six processes and eight people; the parts are guarded by tests/faults/test_two_tritons.py,
# tests/unit/test_shared_updates.py, tests/unit/test_announced_servers.py and
# tests/unit/serving/test_shared_updates.py.
pytestmark = pytest.mark.long

NAMES = ("t0", "t1")
PEOPLE = 8
VOICE, OTHER, NEW = "tone-1", "espeak-en", "tone-1-2"
"""A voice, one of another family, and the new version of the first."""
IDLE = "espeak"
FAST = VARIANTS["tone-fast"][1] | {"allow_faults": "false"}
WORD_S = 0.1
"""Less than the shortest words of the answer but "a" last in any of the voices."""
BREATH_S = 1.0


def config(folder: Path, redis: RedisServer, name: str = "") -> dict[str, Any]:
    answers = folder / "answers.yaml"
    answers.write_text(yaml.safe_dump([LONG_ANSWER]))
    named = {"name": name} if name else {}
    return {
        "tts": {"voice": VOICE},
        "asr": {"model": "canned"},
        "responder": {"kind": "script", "script": {"path": str(answers)}},
        "endpointing": {"model": "none"},
        "server": {"max_sessions": 100},
        "model_manager": {
            "ttl_ms": 1500,
            "min_residency_ms": 500,
            "evict_check_interval_ms": 500,
            "lease_heartbeat_ms": 1000,
            "lease_expiry_ms": 4000,
            "resident_cap": 4,
        },
        "registry": {"url": redis.url, "password": PASSWORD, **named},
    }


@contextlib.contextmanager
def fleet(folder: Path, redis: RedisServer) -> Iterator[tuple[list[Vdx], list[Vdx]]]:
    """The Tritons with their managers, and the frontends."""
    with contextlib.ExitStack() as stack:

        def start(name: str, *arguments: str, own: str = "") -> Vdx:
            home = folder / name
            home.mkdir()
            environ = {"VDX_HOME": str(home / "home")}
            for version in (VOICE, NEW):
                add_variant(home / "home" / "model_repository", version, "tone", FAST)
            given = config(home, redis, own)
            command = running(*arguments, home=home, config=given, environ=environ)
            return stack.enter_context(command)

        tritons = [start(name, "triton", "--announce", "--port", "0", own=name) for name in NAMES]
        for triton in tritons:
            triton.said(r"ready: http")
        frontends = [start(f"f{each}", "frontend", "--port", "0") for each in range(2)]
        for frontend in frontends:
            frontend.said(r"ready: http")
        yield tritons, frontends


@pytest.fixture
async def running_fleet(tmp_path: Path) -> AsyncIterator[tuple[list[Vdx], list[Vdx]]]:
    redis = RedisServer(tmp_path)
    await redis.start()
    with fleet(tmp_path, redis) as made:
        yield made
        outputs = [vdx.output for vdx in (*made[0], *made[1])]
    redis.stop()
    assert not any("Traceback" in output for output in outputs), "\n\n".join(outputs)


@dataclass(frozen=True, slots=True)
class Reply:
    """One as it was heard; seconds. `voice` is who spoke when it began."""

    voice: str
    disturbed: bool
    clauses: tuple[float, ...]
    """How long each of them sounded."""
    underrun_s: float
    """The longest silence within it that was not meant."""


def heard(talk: Talk, response: str, after: int) -> tuple[tuple[float, ...], float]:
    """Of a response among the events from index `after` on: `clauses` and `underrun_s`."""
    listener, lengths = Listener(talk.rate), list[int]()
    for event, at in zip(talk.events[after:], talk.times[after:], strict=True):
        if response not in (event.get("response_id"), event.get("response", {}).get("id")):
            continue
        match event["type"]:
            case "response.output_audio_transcript.delta":
                lengths.append(0)
            case "response.output_audio.delta":
                listener.receive(response, base64.b64decode(event["delta"]), at)
                lengths[-1] += listener.newest.size
    underrun_s = max((each.seconds for each in listener.underruns), default=0.0)
    return tuple(each / talk.rate for each in lengths), underrun_s


class Crowd:
    """Eight people who talk all the while; `round` waits until everybody had another answer."""

    def __init__(self, talks: list[Talk]) -> None:
        self.talks = talks
        self.answers = [0] * len(talks)
        self.replies: list[Reply] = []
        self.voice, self.disturbed = VOICE, False
        self.load_s = 0.0
        """How long a voice took to load beside them."""
        self._answered = asyncio.Event()

    async def talk_on(self, number: int) -> None:
        talk = self.talks[number]
        while True:
            mark, voice, disturbed = len(talk.events), self.voice, self.disturbed
            done = (await talk.full_turn())["response"]
            assert done["status"] == "completed", done
            assert done["output"][0]["content"][0]["transcript"] == LONG_ANSWER
            disturbed = disturbed or self.disturbed
            self.replies.append(Reply(voice, disturbed, *heard(talk, done["id"], mark)))
            self.answers[number] += 1
            self._answered.set()

    async def round(self) -> None:
        before = list(self.answers)
        async with asyncio.timeout(120):
            while not all(now > then for now, then in zip(self.answers, before, strict=True)):
                self._answered.clear()
                await self._answered.wait()

    @contextlib.asynccontextmanager
    async def disturbing(self) -> AsyncIterator[None]:
        """What the block does may be heard until everybody had another answer."""
        self.disturbed = True
        yield
        await self.round()
        self.disturbed = False

    def check(self, measured: Measured) -> None:
        """No reply lacks a word, has one twice, or an underrun as long as a load."""
        calm = [reply for reply in self.replies if not reply.disturbed]
        lengths = [clauses_of(reply for reply in calm if reply.voice == v) for v in (VOICE, OTHER)]
        for reply in self.replies:
            assert len(reply.clauses) == len(lengths[0]), reply
            for number, seconds in enumerate(reply.clauses):
                off = min(abs(seconds - each[number]) for each in lengths)
                assert off < WORD_S, (number, lengths, reply)
        undisturbed = max(reply.underrun_s for reply in calm)
        longest = max(reply.underrun_s for reply in self.replies if reply.disturbed)
        measured("longest underrun", longest, BREATH_S)
        measured("longest underrun of an undisturbed reply", undisturbed, BREATH_S)
        measured("a voice loaded beside", self.load_s, BREATH_S)
        # Who waited for a model to be loaded anew would hear nothing for longer.
        assert longest <= undisturbed + self.load_s, (longest, undisturbed, self.load_s)


def clauses_of(replies: Iterable[Reply]) -> list[float]:
    """Seconds of each clause of replies that one voice spoke."""
    return [median(each) for each in zip(*(reply.clauses for reply in replies), strict=True)]


@contextlib.asynccontextmanager
async def crowd(frontends: list[Vdx]) -> AsyncIterator[Crowd]:
    async with contextlib.AsyncExitStack() as stack:
        talks = [
            await stack.enter_async_context(talking(frontends[number % 2].url()))
            for number in range(PEOPLE)
        ]
        made = Crowd(talks)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(made.talk_on(number)) for number in range(PEOPLE)]
            yield made
            for task in tasks:
                task.cancel()


def known(http: Http) -> set[str]:
    return {each["name"] for each in http.get("/vdx/servers")[1]["servers"]}


def states(http: Http, model: str) -> dict[str, str]:
    servers = http.get("/vdx/servers")[1]["servers"]
    return {
        each["name"]: each["models"][model]["state"] for each in servers if model in each["models"]
    }


async def use(frontends: list[Http], voice: str) -> None:
    for http in frontends:
        status, told = await asyncio.to_thread(http.post, f"/vdx/models/{quote(voice)}/use")
        assert status == 200, told


async def updated(http: Http) -> dict[str, Any]:
    path = f"/vdx/models/{VOICE}/update?source={NEW}&canary=0.5&hold_seconds=1"
    status, told = await asyncio.to_thread(http.post, path)
    assert status == 200, told

    def over() -> dict[str, Any] | None:
        (line,) = http.get("/vdx/updates")[1]["updates"]
        return line if line["state"] in ("promoted", "rolled back") else None

    async def newcomer() -> None:
        async with talking(http.url) as talk:
            await talk.full_turn()

    deciding = asyncio.create_task(
        asyncio.to_thread(eventually, over, "the update is decided", 120.0)
    )
    while not deciding.done():  # it is tried out with sessions that begin
        await newcomer()
    line: dict[str, Any] = await deciding
    return line


def triton_of(vdx: Vdx) -> int:
    """The tritonserver below a `vdx triton`."""
    for pid in tree(vdx.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[0].endswith(b"tritonserver"):
            return pid
    raise AssertionError("no tritonserver runs")


async def test_eight_people_hear_whole_replies_whatever_becomes_of_their_voices(
    running_fleet: tuple[list[Vdx], list[Vdx]], measured: Measured
) -> None:
    tritons, frontends = running_fleet
    https = [Http(frontend.url()) for frontend in frontends]
    for http in https:
        await asyncio.to_thread(eventually, lambda one=http: known(one) == set(NAMES), "both known")
    async with crowd(frontends) as people:
        await people.round()
        await people.round()
        async with people.disturbing():
            await use(https, OTHER)
        people.voice = OTHER
        await people.round()
        await people.round()
        async with people.disturbing():
            await use(https, VOICE)
        people.voice = VOICE

        async with people.disturbing():
            began = time.monotonic()
            status, told = await asyncio.to_thread(https[0].post, f"/vdx/models/{IDLE}/load")
            people.load_s = time.monotonic() - began
            assert status == 200, told
            gone = lambda: "resident" not in states(https[1], IDLE).values()  # noqa: E731
            await asyncio.to_thread(eventually, gone, "what nobody uses is evicted")

        async with people.disturbing():
            line = await updated(https[0])
            assert line["state"] == "promoted", line
            versions = lambda: https[1].get("/vdx/updates")[1]["versions"] == {VOICE: NEW}  # noqa: E731
            await asyncio.to_thread(eventually, versions, "the other frontend has it, too")

        async with people.disturbing():
            os.kill(triton_of(tritons[0]), signal.SIGKILL)
            await people.round()
    people.check(measured)
    for vdx in (*tritons, *frontends):
        assert vdx.process.poll() is None
    await figures(tritons, https)


async def figures(tritons: list[Vdx], frontends: list[Http]) -> None:
    """What happened is in /metrics."""
    managers = []
    for triton in tritons:
        found = triton.said(r"ready: (http://[^;\s]+)")
        assert found is not None
        managers.append(Http(found[1]))
    read = [parse((await asyncio.to_thread(http.get, "/metrics"))[1]) for http in managers]
    for name in (
        "vdx_model_load_seconds_count",
        "vdx_model_unload_seconds_count",
        "vdx_model_evictions_total",
        "vdx_model_resident",
    ):
        assert sum(metrics.total(name) for metrics in read) > 0, name
    assert frontends[0].metric("vdx_model_updates_total") == 1
    for name in ("vdx_routing_seconds_total", "vdx_routes_total"):
        assert sum(http.metric(name) for http in frontends) > 0, name
