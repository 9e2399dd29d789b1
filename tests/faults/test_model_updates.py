"""`vdx models update` while people talk, against a real Triton: versions that are bad, and one that
is good.
"""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.repetitions import Measured
from tests.server.processes import VDX, Http, Vdx, eventually, running
from tests.server.talk import Talk, talking
from tests.triton.repository import add_variant
from vdx.serving.update_trial import ENOUGH

# 15 s of CPU; tests/unit/test_model_updates.py has the same on virtual time.
pytestmark = pytest.mark.long

OLD = "tone-1"
FAST = {"ms_per_char": "20", "allow_faults": "false"}
VERSIONS = {
    OLD: FAST,
    "tone-good": FAST,
    "tone-broken": FAST | {"fault": "no-such-fault"},
    "tone-erring": FAST | {"fault": "error", "fault_every": "5"},
    "tone-slow": FAST | {"fault": "slow", "slow_ms": "60"},
}
MOST_TALKED = 400
"""Replies after which an update should long be decided."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("updates")


@pytest.fixture(scope="module")
def vdx(home: Path) -> Iterator[Vdx]:
    for name, parameters in VERSIONS.items():
        add_variant(home / "home" / "model_repository", name, "tone", parameters)
    config = {"endpointing": {"model": "none"}, "model_manager": {"ttl_ms": 1000}}
    arguments = ("up", "--voice", OLD, "--recogniser", "canned", "--no-proof", "--port", "0")
    environ = {"VDX_HOME": str(home / "home")}
    with running(*arguments, home=home, config=config, environ=environ) as vdx:
        vdx.url()
        yield vdx
        assert vdx.interrupt() == 0, vdx.output
        assert "Traceback" not in vdx.output, vdx.output


def updated(http: Http, source: str, *options: str) -> "subprocess.Popen[str]":
    """`vdx models update`, as an operator types it."""
    command = [*VDX, "models", "update", OLD, source, "--url", http.url, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def line_of(http: Http, source: str) -> dict[str, Any]:
    lines = http.get("/vdx/updates")[1]["updates"]
    return next((each for each in reversed(lines) if each["new"]["model"] == source), {})


async def until(http: Http, source: str, state: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        line = line_of(http, source)
        return line if line.get("state") == state else None

    line: dict[str, Any] = await asyncio.to_thread(eventually, found, f"{source}: {state}")
    return line


async def reply(talk: Talk, number: int) -> None:
    """One typed turn, whose answer is spoken whole."""
    done = await talk.typed_turn(f"number {number}")
    assert done["response"]["status"] == "completed"
    (said,) = done["response"]["output"][0]["content"]
    assert said["transcript"] == f"You said: number {number}"


@contextlib.asynccontextmanager
async def people(http: Http, count: int) -> AsyncIterator[list[Talk]]:
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(talking(http.url)) for _ in range(count)]


async def talk_until_decided(http: Http, source: str, talks: list[Talk]) -> dict[str, Any]:
    async def chat(talk: Talk) -> None:
        for number in range(MOST_TALKED // len(talks)):
            await reply(talk, number)
            if line_of(http, source)["state"] in ("promoted", "rolled back"):
                return

    async with asyncio.TaskGroup() as group:
        for talk in talks:
            group.create_task(chat(talk))
    return line_of(http, source)


@pytest.mark.parametrize(
    ("source", "why"), [("tone-erring", "errs more often"), ("tone-slow", "slower")]
)
async def test_a_bad_version_goes_back_by_itself(
    vdx: Vdx, source: str, why: str, measured: Measured
) -> None:
    http = Http(vdx.url())
    operator = updated(http, source, "--canary", "50%", "--hold", "600")
    await until(http, source, "trial")
    async with people(http, 4) as talks:
        began = time.monotonic()
        line = await talk_until_decided(http, source, talks)
        asked = line["new"]["requests"]
        what = f"{source}: gone back at its request {asked}, from the first one"
        measured(what, time.monotonic() - began, 10)
        assert line["state"] == "rolled back"
        assert why in line["why"]
        assert line["new"]["requests"] <= ENOUGH + len(talks), "as soon as it is known"
        for talk in talks:
            await reply(talk, 1)
        voices = {each["voice"] for each in http.get("/vdx/sessions")[1]["sessions"]}
        assert voices == {OLD}
    told, _ = await asyncio.to_thread(operator.communicate)
    assert operator.returncode == 1
    assert f"{OLD} serves {OLD} on; {source} went back" in told


async def test_one_that_does_not_load_serves_nobody(vdx: Vdx) -> None:
    http = Http(vdx.url())
    async with people(http, 1) as (talk,):
        operator = updated(http, "tone-broken")
        line = await until(http, "tone-broken", "rolled back")
        assert "no-such-fault" in line["why"], "what Triton says of it"
        await reply(talk, 1)
    told, _ = await asyncio.to_thread(operator.communicate)
    assert operator.returncode == 1
    assert "it was not loaded" in told


async def test_a_good_version_takes_over_and_is_remembered(vdx: Vdx, home: Path) -> None:
    http = Http(vdx.url())
    async with people(http, 1) as (early,):
        await reply(early, 0)
        operator = updated(http, "tone-good", "--canary", "50%", "--hold", "0")
        await until(http, "tone-good", "trial")
        async with people(http, 2) as talks:
            line = await talk_until_decided(http, "tone-good", talks)
            assert line["state"] == "promoted", line
            assert line["new"]["errors"] == line["old"]["errors"] == 0
        assert (await asyncio.to_thread(operator.communicate))[0].count("tone-good now") == 1
        assert operator.returncode == 0
        async with people(http, 1) as (late,):
            await reply(early, 1)
            await reply(late, 1)
            voices = [each["voice"] for each in http.get("/vdx/sessions")[1]["sessions"]]
            assert voices == [OLD, "tone-good"], "who speaks finishes on the old one"
    assert http.get("/vdx/updates")[1]["versions"] == {OLD: "tone-good"}
    assert "tone-good" in (home / "home" / "versions.json").read_text()
    assert http.metric("vdx_model_updates_total") >= 1
