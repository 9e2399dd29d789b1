"""Benches that compare two ways of the same conversations; the wrong keys are sent for real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from vdx.bench import by_turns, observed, refused
from vdx.bench.by_turns import Way, added_ms, spread_ms
from vdx.bench.collector import collector
from vdx.bench.figures import Report
from vdx.bench.flood import flood
from vdx.bench.procfs import Usage
from vdx.bench.target import Target, TargetOptions
from vdx.core.errors import VdxError

TARGET = Target("http://box:9000", pid=4711)


@pytest.fixture
def talking(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Has people at a server say the gap, and its processes spend the time, that are set here."""
    now = {"gap_ms": 300.0, "cpu": 0.5, "spent": 0.0}

    async def run_client_process(scene: str, plan: dict[str, Any], step: Any = None) -> Any:
        assert (scene, plan["rounds"]) == ("turn", 1)
        now["spent"] += now["cpu"]
        return [{"gap_ms": now["gap_ms"], "dry_ms": 0.0} for _ in range(4 * plan["sessions"])]

    monkeypatch.setattr(by_turns, "run_client_process", run_client_process)
    monkeypatch.setattr(by_turns, "usage", lambda pid: Usage(now["spent"], 3))
    return now


def medians(report: Report) -> dict[str, Any]:
    return {row["name"].strip(): row["median"] for row in report.as_dict()["figures"]}


async def test_a_way_sums_up_turns_and_processor_time(talking: dict[str, float]) -> None:
    way = Way()
    await by_turns.converse(way, TARGET, 2, None)
    talking["gap_ms"] = 310
    await by_turns.converse(way, TARGET, 2, None)
    assert way.cpu == 1.0
    assert way.gaps == [300.0] * 8 + [310.0] * 8
    assert added_ms([300, 300], way.gaps, 50) == [5.0]
    assert added_ms([], way.gaps, 50) == []
    assert spread_ms([290, 300, 320]) == 10.0
    with pytest.raises(VdxError, match="--server-pid"):
        await by_turns.converse(way, Target("http://box"), 1, None)


async def test_what_observing_costs_is_told_against_its_goals(
    talking: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    @asynccontextmanager
    async def target(options: TargetOptions) -> AsyncIterator[Target]:
        given.append(options.config)
        yield Target("http://seen" if "tracing" in options.config else "http://box", pid=1)

    async def converse(way: Way, there: Target, sessions: int, step: Any) -> None:
        talking["cpu"] = 0.52 if there.url == "http://seen" else 0.5
        talking["gap_ms"] = 308 if there.url == "http://seen" else 300
        await by_turns.converse(way, there, sessions, step)

    monkeypatch.setattr(observed, "target", target)
    monkeypatch.setattr(observed, "converse", converse)
    report = await observed.measure({"profiles": {}}, 2, 1, "info")
    found = medians(report)
    assert found["CPU more"] == pytest.approx(4.0)
    assert found["median of the gap later"] == 8.0
    assert set(report.missed()) == {"CPU more", "median of the gap later", "requests of spans"}
    plain, seen = given
    assert plain == {"profiles": {}}
    assert seen["log"] == {"format": "json", "level": "info"}
    assert seen["tracing"]["endpoint"].startswith("http://127.0.0.1:")


async def test_wrong_keys_are_told_beside_the_same_people_without(
    talking: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def flooding(url: str, per_second: int) -> AsyncIterator[dict[str, float]]:
        assert (url, per_second) == (TARGET.url, 300)
        talking["gap_ms"] = 330
        told: dict[str, float] = {}
        yield told
        talking["gap_ms"] = 300
        told |= {"per_second": 299.0, "401": 900}

    monkeypatch.setattr(refused, "flood", flooding)
    report = await refused.measure(TARGET, 2, 1)
    found = medians(report)
    assert found["wrong keys answered a second"] == 299.0
    assert found["p95 of the gap later"] == 30.0
    assert found["replies with an underrun beside wrong keys"] == 0
    assert set(report.missed()) == {"median of the gap later", "p95 of the gap later"}
    assert "401: 1800" in report.notes[-1]


async def test_a_flood_keeps_its_pace_and_counts_what_comes_back() -> None:
    keys: set[str] = set()
    enough = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                keys.add(head.partition("Bearer ")[2].partition("\r\n")[0])
                if len(keys) >= 50:
                    enough.set()
                writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with flood(url, 100) as told:
            await enough.wait()
    assert told["401"] >= 50
    assert len(keys) == pytest.approx(told["401"], abs=8)
    assert 0 < told["per_second"] <= 101


async def test_a_collector_takes_what_is_sent_and_counts_it() -> None:
    async with collector() as sink, httpx2.AsyncClient() as client:
        for size in (10, 2000):
            answer = await client.post(f"{sink.url}/v1/traces", content=bytes(size))
            assert answer.status_code == 200
    assert (sink.requests, sink.size) == (2, 2010)
