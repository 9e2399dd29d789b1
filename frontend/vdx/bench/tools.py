"""`vdx bench tools`: what a tool's call adds to a turn, and barge-in while a tool runs.

The answers come from a scripted endpoint, the tool takes 50 ms: once at an MCP server, once at the
client. Light models, one clip; a barge-in interrupts the words before a call that takes long.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import Any

from vdx.bench.bargein import long_reply
from vdx.bench.bench_client import ANSWER_S, BenchClient, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import BARGE_IN_CLIPS, OPENING, TURN_CLIPS, clip, preload
from vdx.bench.figures import Report, told
from vdx.bench.heard import gap_ms
from vdx.bench.scripted_endpoint import CALLS, KEEPS_CALLING, PLAIN, TOOL_MS, scripted_endpoint
from vdx.bench.sound import silent_after
from vdx.bench.target import DATA, TargetOptions, profile, target
from vdx.bench.turn import BETWEEN_S, SETTLE_S
from vdx.client.log import Event, Reply

LIGHT = ("espeak-en", "pocketsphinx-en")
SAID = TURN_CLIPS[0]
LISTEN_S = 7.0
ADDED_MS = 80.0
SILENCE_MS = 150.0
TOOL: Event = {
    "type": "function",
    "name": "lookup",
    "description": "Looks something up.",
    "parameters": {"type": "object", "properties": {"ms": {"type": "integer"}}},
}
KINDS = ("plain", "server", "client")


async def measure(rounds: int, step: Step) -> Report:
    """Turns without a tool, with the server's and with the client's; then `rounds` barge-ins."""
    async with scripted_endpoint() as endpoint:
        options = TargetOptions(config=_config(endpoint))
        async with target(options) as server:
            found = await run_client_process("tools", server.plan(rounds=rounds), step)
    report = Report("tools", {"rounds": rounds, "tool_ms": TOOL_MS}, samples=found["turns"])
    gaps = {kind: told(found["turns"], "gap_ms", kind=kind) for kind in KINDS}
    for kind in KINDS:
        name = "a plain turn" if kind == "plain" else f"a turn with the {kind}'s tool"
        report.add(f"end of speech to first audio, {name}", "ms", gaps[kind])
    plain = sorted(gaps["plain"])
    for kind in KINDS[1:]:
        added = [gap - plain[len(plain) // 2] for gap in gaps[kind]] if plain else []
        report.add(f"  added by the {kind}'s tool", "ms", added, median=ADDED_MS)
    stops = told(found["stops"], "silent_ms")
    report.add("barge-in while a tool runs: onset to silence", "ms", stops, median=SILENCE_MS)
    answered = told(found["stops"], "gap_ms")
    report.add("  end of that speech to the next answer", "ms", answered)
    silent = sum(turn["gap_ms"] is None for turn in found["turns"])
    report.notes.append(f"{silent} of {len(found['turns'])} turns unanswered")
    report.notes.append("added: to the median of the plain turns")
    return report


def _config(endpoint: str) -> dict[str, Any]:
    config = profile(*LIGHT)
    command = [sys.executable, str(DATA / "tool_server.py")]
    mcp = {"mcp": {"bench": {"command": command}}, "timeout_ms": 120_000}
    own = config["profiles"]["vdx"]

    def answering(model: str, tools: dict[str, Any]) -> dict[str, Any]:
        chat = {"base_url": endpoint, "model": model, "warm": False}
        return {**own, "responder": {"kind": "chat", "chat": chat}, "tools": tools}

    profiles = {
        "vdx": answering(PLAIN, {}),
        "plain": answering(PLAIN, {}),
        "server": answering(CALLS, mcp),
        "client": answering(CALLS, {}),
        "busy": answering(KEEPS_CALLING, mcp),
    }
    return {**config, "profiles": profiles}


async def run_users(plan: Plan, step: Step) -> dict[str, list[dict[str, Any]]]:
    """The user's part: turns of each kind one after the other, then the barge-ins."""
    preload((OPENING, SAID, *BARGE_IN_CLIPS), plan)
    turns, stops = [], []
    for number in range(plan["rounds"]):
        for kind in KINDS:
            async with (
                meet({**plan, "profile": kind}, events=True, phase=number * 37) as user,
                _performing(user, needed=kind == "client"),
            ):
                await asyncio.sleep(SETTLE_S)
                turns.append({"kind": kind, "gap_ms": await _turn(user)})
            step()
        async with meet({**plan, "profile": "busy"}, events=True, phase=number * 37) as user:
            stops.append(await _interrupt(user, BARGE_IN_CLIPS[number % len(BARGE_IN_CLIPS)]))
        step()
    return {"turns": turns, "stops": stops}


async def _turn(user: BenchClient) -> float | None:
    replies = len(user.client.log.replies)
    spoken = user.microphone_feed.say(clip(SAID, user.client.rate))
    await spoken.finished
    log = user.client.log

    def begun() -> list[Reply]:
        """A response that calls the client's tool has no sound; the next one answers."""
        return [each for each in list(log.replies.values())[replies:] if each.first_audio]

    try:
        await user.client.wait_for(lambda: bool(begun()), ANSWER_S)
    except TimeoutError:
        return None
    await user.quiet(BETWEEN_S)
    return gap_ms(user.client.listener, spoken, begun()[0].created)


async def _interrupt(user: BenchClient, name: str) -> dict[str, Any]:
    client = user.client
    await long_reply(user)
    replies = len(client.log.replies)
    spoken = user.microphone_feed.say(clip(name, client.rate))
    await spoken.finished
    answer = await user.reply_after(replies)
    await asyncio.sleep(max(0.0, LISTEN_S - spoken.clip.seconds))
    heard = client.listener.render(spoken.onset, spoken.onset + LISTEN_S)
    silent = silent_after(heard, client.rate)
    gap = None if answer is None else (answer.first_audio - spoken.end) * 1000
    return {
        "silent_ms": None if silent is None else round(silent * 1000, 1),
        "gap_ms": None if gap is None else round(gap, 1),
    }


@contextlib.asynccontextmanager
async def _performing(user: BenchClient, *, needed: bool) -> AsyncIterator[None]:
    """Declares the client's tool and answers its calls after TOOL_MS, while entered."""
    if not needed:
        yield
        return
    client, tasks = user.client, set[asyncio.Task[None]]()

    async def answer(call_id: str) -> None:
        await asyncio.sleep(TOOL_MS / 1000)
        item = {"type": "function_call_output", "call_id": call_id, "output": "forty-two"}
        await client.send({"type": "conversation.item.create", "item": item})
        await client.send({"type": "response.create"})

    def take(event: Event, _now: float) -> None:
        if event["type"] == "response.function_call_arguments.done":
            tasks.add(asyncio.create_task(answer(event["call_id"]), name="bench-tool"))

    client.on_event = take
    update = {"type": "session.update", "session": {"type": "realtime", "tools": [TOOL]}}
    await client.send(update)
    try:
        yield
    finally:
        client.on_event = None
        await asyncio.gather(*tasks)
