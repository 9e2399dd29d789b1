"""The verdict of a soak, on runs that are made up: one that grows, one that only begins larger."""

import asyncio
import contextlib
import json
import os
from typing import Any

import pytest

from vdx.bench import soak
from vdx.bench.figures import Report
from vdx.bench.soak_users import Told
from vdx.bench.soak_verdict import Moment, add_growth, add_latency, lowest, per_hour, verdict
from vdx.bench.target import Target
from vdx.core.errors import VdxError

HOUR = 60.0
EVERY_S = 10


def run(minutes: float, grows_mb_an_hour: float = 0.0, fills_mb: float = 0.0) -> list[Moment]:
    """Memory swings by 30 MB with its sessions; in the first ten minutes caches fill up."""
    moments = []
    for at in range(0, round(minutes * 60), EVERY_S):
        filled = fills_mb * min(1.0, at / 600)
        mb = 500 + filled + grows_mb_an_hour * at / 3600 + 30 * (at % 120) / 120
        moments.append(Moment(float(at), round(mb * 1024), 90 + at % 7, 40 + at % 5, 6))
    return moments


def judged(moments: list[Moment], slower_ms: float = 0.0, minutes: float = HOUR) -> Report:
    report = Report("soak", {})
    add_growth(report, moments, minutes)
    turns = [(at, 400.0 + at % 100 + slower_ms * at / (minutes * 60)) for at, *_ in moments]
    add_latency(report, turns, minutes)
    return report


@pytest.mark.parametrize(
    ("moments", "slower_ms", "missed"),
    [
        (run(HOUR), 0.0, []),
        (run(HOUR, fills_mb=80), 0.0, []),
        (run(HOUR, grows_mb_an_hour=4), 0.0, []),
        (run(HOUR, grows_mb_an_hour=12), 0.0, ["growth of it an hour, after the first"]),
        (run(HOUR), 80.0, ["p95 of the last less that of the first"]),
    ],
    ids=["steady", "fills-caches", "grows-little", "grows", "slower"],
)
def test_a_verdict(moments: list[Moment], slower_ms: float, missed: list[str]) -> None:
    report = judged(moments, slower_ms)
    assert report.missed() == missed
    told = verdict(report, HOUR)
    assert told == (f"verdict: missed: {'; '.join(missed)}" if missed else "verdict: passed")


def test_growth_is_per_hour_whatever_the_length() -> None:
    for minutes in (HOUR, 4 * HOUR):
        memory = [kb / 1024 for kb in lowest(run(minutes, 12.0), "memory_kb", minutes)]
        assert len(memory) == minutes / 10
        assert per_hour(memory, minutes) == pytest.approx(12.0, abs=0.1)


def test_a_short_run_says_that_it_is_too_short() -> None:
    report = judged(run(5, grows_mb_an_hour=500), minutes=5)
    assert report.missed() == []
    assert "need 40 minutes" in verdict(report, 5)


def test_half_a_run_that_was_not_watched_is_missed() -> None:
    report = judged([each for each in run(HOUR) if each.at < 1500])
    assert report.missed() == ["times 10 minutes in which nothing was read"]


def test_a_server_that_does_not_answer_once_is_watched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    watched_on = asyncio.Event()

    async def status(_: Target) -> dict[str, Any]:
        asked.append(0.0)
        if len(asked) == 2:
            raise VdxError("busy", service="bench")
        if len(asked) == 4:
            watched_on.set()
        return {"tasks": 3, "sessions": 1}

    monkeypatch.setattr(Target, "status", status)
    monkeypatch.setattr(soak, "EVERY_S", 0.0)

    async def watched() -> int:
        moments: list[Moment] = []
        watching = asyncio.create_task(soak._watch(Target("http://x"), os.getpid(), moments))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(watched_on.wait(), 10)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return len(moments)

    assert asyncio.run(watched()) == 2


@pytest.mark.parametrize(
    ("state", "voices"),
    [("READY", ["joe", "espeak-en"]), ("UNAVAILABLE", ["joe"]), (None, ["joe"])],
    ids=["loaded", "not-loaded", "not-there"],
)
async def test_nobody_asks_for_a_voice_that_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, state: str | None, voices: list[str]
) -> None:
    async def status(_: Target) -> dict[str, Any]:
        return {"voice": "joe"}

    models = [{"id": "joe", "vdx": {"kind": "voice", "state": "READY"}}]
    models += [{"id": "espeak-en", "vdx": {"kind": "voice", "state": state}}] if state else []
    monkeypatch.setattr(Target, "status", status)
    monkeypatch.setattr(soak, "fetch", lambda url, key: json.dumps({"data": models}))
    assert await soak.voices_of(Target("http://x")) == voices


@pytest.mark.parametrize(
    ("told", "turns", "missed"),
    [
        (Told(conversations=3), 9, []),
        (Told(conversations=3, failed=1), 9, ["conversations that broke off"]),
        (Told(conversations=3), 0, ["answers"]),
    ],
    ids=["good", "broken", "nobody-answered"],
)
def test_people_who_were_not_served_are_missed(told: Told, turns: int, missed: list[str]) -> None:
    report = Report("soak", {})
    soak._add_notes(report, [{name: getattr(told, name) for name in Told.__slots__}], turns)
    assert report.missed() == missed
