"""Voices are swapped and servers changed for all while people talk, over two Tritons.

By turns everybody gets a voice of the other family, and is moved to the other Triton, which takes
effect with the next clause. Both voices are resident on both servers; in the second part a further
one is loaded and unloaded beside them all the while. An answer has CLAUSES; its length in frames
tells whether each of them was spoken once and whole, by whichever voice: see `frames_off`.
"""

import asyncio
import contextlib
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import yaml

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report, gathered
from vdx.bench.heard import longest_underrun_ms, samples_of
from vdx.bench.processes import vdx_command
from vdx.bench.scrape import fetch, parse
from vdx.bench.target import profile
from vdx.client.log import Reply
from vdx.core.audio import FRAME_MS

VOICES = ("tone", "espeak-en")
BESIDE = "espeak"
CLAUSES = (
    "This is the first clause.",
    "Here is another one of them.",
    "The third one ends it.",
)
SPEECH = "ps_cards_002"
EVERY_S = 0.15
UNDERRUN_MS, UNDERRUN_LOADING_MS = 40.0, 200.0
CPU_MS = 2.0
"""0.002 of a core."""
TURN_S = 60.0
STAGGER_S = 0.3
ROUTING = "vdx_routing_seconds_total"


def steps(swaps: int) -> int:
    """Changes in both parts."""
    return swaps + max(1, swaps // 4)


async def measure(sessions: int, swaps: int, step: Step) -> Report:
    """`sessions` people talk while the voice or the server of all is changed `swaps` times.

    A quarter as often again while a voice is loaded beside.
    """
    report = Report("manager", {"sessions": sessions, "swaps": swaps})
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as name:
        folder = Path(name)
        async with vdx_command(folder, "up", "up", "--no-proof", config=_config(folder)) as (
            url,
            _,
        ):
            lengths = await _lengths(url)
            took: list[float] = []
            users = await _part(url, sessions, swaps, lengths, took, step)
            _add(report, users, "", UNDERRUN_MS)
            spent = parse(await asyncio.to_thread(fetch, f"{url}/metrics")).total(ROUTING)
            loading = asyncio.create_task(_load_beside(url), name="load-beside")
            late = await _part(url, sessions, steps(swaps) - swaps, lengths, took, step)
            loads = await _stopped(loading)
            _add(report, late, ", a voice loading beside", UNDERRUN_LOADING_MS)
    open_s = sum(user["open_s"] for user in users)
    report.add("a change for all", "ms", took)
    spent_ms = 1000 * spent / open_s
    report.add("CPU of routes and leases, each session-second", "ms", [spent_ms], max=CPU_MS)
    report.notes.append(f"{loads} loads of {BESIDE} beside")
    return report


def _config(folder: Path) -> dict[str, Any]:
    """The answers: each clause alone, by which its length is known, then all of them."""
    answers = folder / "answers.yaml"
    texts = [*CLAUSES, *[" ".join(CLAUSES)] * 200]
    answers.write_text(yaml.safe_dump({"answers": texts}), encoding="utf-8")
    config = profile(VOICES[0], "canned")
    config["responder"] = {"kind": "script", "script": {"path": str(answers)}}
    return {
        **config,
        "endpointing": {"model": "none"},
        "embedded": {"tritons": 2},
        "model_manager": {"preload_model_ids": [VOICES[1]]},
    }


def _add(report: Report, users: list[dict[str, Any]], when: str, underrun_ms: float) -> None:
    report.add(
        f"longest underrun of a reply{when}", "ms", gathered(users, "underrun_ms"), max=underrun_ms
    )
    report.add(f"frames lost or doubled in a reply{when}", "frames", gathered(users, "off"), max=0)
    lost = float(sum(user["lost"] for user in users))
    report.add(f"turns without a whole reply{when}", "", [lost], max=0)
    mixed = sum(user["mixed"] for user in users)
    report.notes.append(
        f"{sum(len(user['off']) for user in users)} replies{when}, {mixed} by more than one voice"
    )
    report.notes += [f"server said: {text}" for user in users for text in user["errors"]][:5]


# --- the changes ----------------------------------------------------------------------------


async def _part(
    url: str, sessions: int, swaps: int, lengths: list[list[int]], took: list[float], step: Step
) -> list[dict[str, Any]]:
    """What the people tell of `swaps` changes; `lengths` are frames, of each voice and clause."""
    seconds = sessions * STAGGER_S + swaps * EVERY_S
    plan: Plan = {"url": url, "sessions": sessions, "seconds": seconds, "lengths": lengths}
    talking = asyncio.create_task(run_client_process("swaps", plan), name="people")
    await asyncio.sleep(sessions * STAGGER_S)
    servers = await asyncio.to_thread(_servers, url)
    for number in range(swaps):
        began = time.monotonic()
        if number % 2:
            await asyncio.to_thread(_move, url, servers, number // 2 % 2)
        else:
            await asyncio.to_thread(_post, f"{url}/vdx/models/{VOICES[number // 2 % 2]}/use")
        took.append(1000 * (time.monotonic() - began))
        await asyncio.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))
        step()
    users: list[dict[str, Any]] = await talking
    await asyncio.to_thread(_move, url, servers, None)
    return users


def _move(url: str, servers: Sequence[str], away_from: int | None) -> None:
    """Has everybody leave a server with the next clause; None: all may be used."""
    for number, name in enumerate(servers):
        if number != away_from:
            _post(f"{url}/vdx/servers/{quote(name)}/drain?off=true")
    if away_from is not None:
        _post(f"{url}/vdx/servers/{quote(servers[away_from])}/drain")


def _servers(url: str) -> list[str]:
    return [each["name"] for each in json.loads(fetch(f"{url}/vdx/servers"))["servers"]]


async def _load_beside(url: str) -> int:
    """Loads and unloads a voice until cancelled; how often."""
    loads = 0
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.to_thread(_post, f"{url}/vdx/models/{BESIDE}/load")
            loads += 1
            await asyncio.to_thread(_post, f"{url}/vdx/models/{BESIDE}/unload")
    return loads


async def _stopped(task: asyncio.Task[int]) -> int:
    task.cancel()
    return await task


def _post(url: str) -> None:
    _client().post(url).raise_for_status()


@cache
def _client() -> httpx2.Client:
    """One for all: its certificates take longer to read than most answers take to come."""
    return httpx2.Client(timeout=60)


# --- the people -----------------------------------------------------------------------------


async def _lengths(url: str) -> list[list[int]]:
    """Frames of each clause, by voice, and at last of what is put between two of them."""
    plan: Plan = {
        "url": url,
        "sessions": len(VOICES),
        "seconds": 0.0,
        "lengths": [],
        "voices": VOICES,
    }
    found = []
    for user in await run_client_process("swaps", plan):
        *alone, whole = user["frames"]
        found.append([*alone, whole - sum(alone)])
    return found


def frames_off(frames: int, lengths: Sequence[Sequence[int]]) -> tuple[int, bool]:
    """How many frames a reply has more than its clauses, and whether two voices spoke them.

    `lengths` has the frames of each clause, by voice, and what the whole reply has more than them.
    Which voice spoke which is not known: that of all mixtures counts which is the nearest.
    """
    best: tuple[int, bool] | None = None
    count = len(lengths[0]) - 1
    for voices in itertools.product(range(len(lengths)), repeat=count):
        extra = {lengths[voice][count] for voice in voices}
        total = sum(lengths[voice][at] for at, voice in enumerate(voices))
        for between in extra:
            off = (abs(frames - total - between), len(set(voices)) > 1)
            best = off if best is None else min(best, off)
    if best is None:
        raise ValueError("no lengths")
    return best


async def run_users(plan: Plan, _step: Step) -> list[dict[str, Any]]:
    """What the people do: each hears the clauses alone, then whole answers until the end."""
    preload((SPEECH,), plan)
    return await together(plan["sessions"], lambda number: _user(plan, number))


async def _user(plan: Plan, number: int) -> dict[str, Any]:
    await asyncio.sleep(number * STAGGER_S)
    began, lost, replies = time.monotonic(), 0, []
    voice = plan["voices"][number] if plan.get("voices") else ""
    async with meet(plan, voice=voice, phase=number * 13) as user:
        for turn in itertools.count():
            if turn > len(CLAUSES) and time.monotonic() - began >= plan["seconds"]:
                break
            reply = await _turn(user)
            if reply is None or reply.status != "completed":
                lost += 1
            else:
                replies.append(reply)
        open_s = time.monotonic() - began
    frames = [_frames(user, reply) for reply in replies]
    off = [frames_off(each, plan["lengths"]) for each in frames[len(CLAUSES) :] if plan["lengths"]]
    return {
        "open_s": open_s,
        "lost": lost,
        "frames": frames[: len(CLAUSES) + 1],
        "off": [float(each) for each, _ in off],
        "mixed": sum(mixed for _, mixed in off),
        "underrun_ms": [longest_underrun_ms(user.client.listener, reply.id) for reply in replies],
        "errors": [error["message"] for error in user.client.log.errors],
    }


async def _turn(user: BenchClient) -> Reply | None:
    replies = len(user.client.log.replies)
    await user.microphone_feed.say(clip(SPEECH, user.client.rate)).finished
    reply = await user.reply_after(replies)
    await user.hear_out(reply, TURN_S)
    return reply


def _frames(user: BenchClient, reply: Reply) -> int:
    listener = user.client.listener
    frames: int = round(samples_of(listener, reply.id) * 1000 / listener.rate / FRAME_MS)
    return frames
