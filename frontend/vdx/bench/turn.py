"""`vdx bench turn`: from the end of the person's speech to the first audio of the answer (S1).

Four clips in one session, a new session per round; the room's noise before, between and after.
Several users at once begin at random moments, always the same ones.
"""

import asyncio
import random
import time
from collections import defaultdict
from typing import Any

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import TURN_CLIPS, clip, preload
from vdx.bench.figures import Report, gathered, told
from vdx.bench.heard import dry_ms, gap_ms, reply_s
from vdx.bench.target import Target
from vdx.bench.turn_cost import TurnCost

SETTLE_S = 2.2
"""Room noise before the first clip: the gate's window is 2 s."""
BETWEEN_S = 0.8
SPREAD_S = 5.0
"""Of the moments at which several users begin: about the length of a turn."""
CUT_IN_S = -0.05
LONG_S = 1.5
"""Of speech, from which on a sentence is long enough that its end can be heard."""
REACH = {"median": 340.0, "p95": 370.0}
AT_ONCE = {"median": 345.0, "p95": 450.0}
"""Of several users."""
LLM = {"median": 520.0, "p95": 850.0}
IN_ROOM = {"median": 420.0, "p95": 500.0}
HEARD = {"median": 250.0, "p95": 330.0}
"""Of long sentences where an endpointer hears their ends; then of several users, and with a
language model."""
HEARD_AT_ONCE = {"median": 290.0, "p95": 450.0}
HEARD_LLM = {"median": 450.0, "p95": 800.0}


async def measure(
    target: Target,
    rounds: int,
    sessions: int = 1,
    step: Step | None = None,
    *,
    fixed_silence: bool = False,
) -> Report:
    """Each of `sessions` users has `rounds` sessions of four turns against an echo.

    `fixed_silence`: the server ends each turn after a silence, whatever was said.
    """
    plan = target.plan(rounds=rounds, sessions=sessions)
    status = await target.status()
    cost = await TurnCost.begin(target, status)
    turns = await run_client_process("turn", plan, step)
    options = {"rounds": rounds, "sessions": sessions, "clips": list(TURN_CLIPS)}
    options |= {key: status[key] for key in ("voice", "recogniser")}
    report = Report("turn", options | {"transport": plan["transport"]}, samples=turns)
    is_heard = bool(status.get("endpointer")) and not fixed_silence and not target.livekit
    has_model = status.get("responder") == "local"
    if is_heard:
        goal = HEARD_LLM if has_model else HEARD_AT_ONCE if sessions > 1 else HEARD
    else:
        usual = IN_ROOM if target.livekit else AT_ONCE if sessions > 1 else REACH
        goal = LLM if has_model else usual
    _add_gaps(report, turns, goal, is_heard=is_heard)
    for name in TURN_CLIPS:
        report.add(f"  {name}", "ms", told(turns, "gap_ms", clip=name))
    after = told(turns, "after_endpoint_ms")
    report.add("of which after the endpoint decision", "ms", after, p95=50)
    stages: dict[str, list[float]] = defaultdict(list)
    for turn in turns:
        for stage, ms in turn["stages"].items():
            stages[stage].append(ms)
    for stage, values in stages.items():
        report.add(f"  server: speech end to {stage}", "ms", values)
    report.add("queue dry in each reply", "ms", [turn["dry_ms"] for turn in turns], max=0)
    report.add("lateness of the person's own frames", "ms", gathered(turns, "lag_ms"))
    await cost.add(report, turns)
    silent = sum(turn["gap_ms"] is None for turn in turns)
    cut_in = sum(turn["cut_in"] for turn in turns)
    report.notes.append(f"{silent} of {len(turns)} turns unanswered, {cut_in} answered too early")
    report.notes.append("server stages count from the last speech frame the detector saw")
    return report


def _add_gaps(
    report: Report, turns: list[dict[str, Any]], goal: dict[str, float], *, is_heard: bool
) -> None:
    """The gaps of all turns; `is_heard`: the goal is for long sentences, whose ends are heard."""
    gaps = told(turns, "gap_ms")
    report.add("end of speech to first audio", "ms", gaps, **({} if is_heard else goal))
    if is_heard:
        long = told([turn for turn in turns if turn["speech_s"] >= LONG_S], "gap_ms")
        report.add(f"  after speech of {LONG_S:g} s and more", "ms", long, **goal)


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """The person's part: every turn's gap and the server's own account of it."""
    preload(TURN_CLIPS, plan)
    began, spent = time.monotonic(), time.process_time()
    users = await together(plan["sessions"], lambda number: _user(plan, number, step))
    turns = [turn for user in users for turn in user]
    each = {
        "wall_s": round((time.monotonic() - began) * plan["sessions"] / len(turns), 3),
        "client_cpu_s": round((time.process_time() - spent) / len(turns), 4),
    }
    return [turn | each for turn in turns]


async def _user(plan: Plan, number: int, step: Step) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    if number:
        await asyncio.sleep(random.Random(number).uniform(0, SPREAD_S))  # noqa: S311  # nosec B311
    for session in range(plan["rounds"]):
        async with meet(plan, events=True, phase=(number + session) * 37) as bench_client:
            await asyncio.sleep(SETTLE_S)
            for name in TURN_CLIPS:
                turns.append(await _turn(bench_client, name))
                step()
    return turns


async def _turn(bench_client: BenchClient, name: str) -> dict[str, Any]:
    client, microphone_feed = bench_client.client, bench_client.microphone_feed
    replies, timed = len(client.log.replies), len(client.log.turns)
    heard, lag = len(client.log.heard), len(microphone_feed.lag_ms)
    spoken = microphone_feed.say(clip(name, client.rate))
    await spoken.finished
    reply = await bench_client.reply_after(replies)
    await bench_client.quiet(BETWEEN_S)
    server = client.log.turns[timed] if len(client.log.turns) > timed else None
    stages = server["stages"] if server else {}
    after = None
    if "endpoint" in stages and "first_audio" in stages:
        after = stages["first_audio"] - stages["endpoint"]
    gap = None if reply is None else gap_ms(client.listener, spoken, reply.created)
    return {
        "clip": name,
        "gap_ms": gap,
        "cut_in": reply is not None and reply.first_audio < spoken.end + CUT_IN_S,
        "after_endpoint_ms": after,
        "stages": stages,
        "errors": [error["message"] for error in client.log.errors],
        "heard": client.log.heard[heard].text if len(client.log.heard) > heard else "",
        "dry_ms": 0.0 if reply is None else dry_ms(client.listener, reply.id),
        "lag_ms": [round(value, 2) for value in microphone_feed.lag_ms[lag:]],
        "speech_s": round(spoken.end - spoken.onset, 3),
        "reply_s": 0.0 if reply is None else reply_s(client.listener, reply.id),
    }
