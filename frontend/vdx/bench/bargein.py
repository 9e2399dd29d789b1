"""`vdx bench bargein`: from the onset of the interrupting speech to silence at the user (S2).

A user asks, hears two seconds of a long reply and speaks: two clips, each in sessions of its
own. Unless `aware`, the client ignores vdx's own events and plays all it was sent to the end.
"""

import asyncio
import contextlib
import time
from typing import Any

from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import BARGE_IN_CLIPS, OPENING, clip, preload
from vdx.bench.figures import Report, told
from vdx.bench.heard import gap_ms
from vdx.bench.sound import silent_after
from vdx.bench.target import Target
from vdx.client.listener import Listener
from vdx.client.log import Reply
from vdx.client.microphone_feed import Spoken
from vdx.client.scripted_call import answered

SETTLE_S = 2.2
INTO_REPLY_S = 2.0
LISTEN_S = 7.0
"""From the onset, to a reply that is not interrupted; no more once the next answer sounds."""
SETTLED_S = 1.0
"""Of the next answer: more than SILENCE_MS, and what is on its way in a room."""
MS = 1000
REACH = {"median": 150.0, "p95": 200.0}
IN_ROOM = {"median": 220.0, "p95": 280.0}


async def measure(
    target: Target, rounds: int, *, aware: bool = False, step: Step | None = None
) -> Report:
    """Interrupts `rounds` replies with each of the two clips."""
    plan = target.plan(rounds=rounds, aware=aware)
    stops = await run_client_process("bargein", plan, step)
    options = {"rounds": rounds, "clips": list(BARGE_IN_CLIPS), "aware_client": aware}
    options["transport"] = plan["transport"]
    report = Report("bargein", options, samples=stops)
    reach = IN_ROOM if target.livekit else REACH
    report.add("onset to silence", "ms", told(stops, "silent_ms"), **reach)
    for name in BARGE_IN_CLIPS:
        own = [stop for stop in stops if stop["clip"] == name]
        report.add(f"  {name}", "ms", told(own, "silent_ms"))
    report.add("onset to VAD decision", "ms", told(stops, "decision_ms"))
    if not target.livekit:  # a room's sound has no frames at the user's side
        last = told(stops, "last_frame_ms")
        report.add("VAD decision to last frame sent", "ms", last, p95=25)
    report.add("audio that came after the reply's end", "ms", told(stops, "stale_ms"), max=0)
    never = sum(stop["silent_ms"] is None for stop in stops)
    kept = sum(stop["status"] != "cancelled" for stop in stops)
    report.notes.append(f"{never} of {len(stops)} replies never fell silent, {kept} not cancelled")
    return report


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """What the user does; returns one row for each round."""
    preload((OPENING, *BARGE_IN_CLIPS), plan)
    stops: list[dict[str, Any]] = []
    for number in range(plan["rounds"]):
        for name in BARGE_IN_CLIPS:
            async with meet(plan, events=True, freezes=plan["aware"], phase=number * 37) as user:
                stops.append(await _interrupt(user, name))
            step()
    return stops


async def long_reply(user: BenchClient) -> Reply | None:
    """Asks for a reply and returns it two seconds into what is heard of it."""
    return (await asked(user))[0]


async def asked(user: BenchClient) -> tuple[Reply | None, Spoken]:
    """The same, with the question."""
    await asyncio.sleep(SETTLE_S)
    spoken = user.microphone_feed.say(clip(OPENING, user.client.rate))
    await spoken.finished
    reply = await user.reply_after(0)
    if reply is not None and reply.first_audio:
        await asyncio.sleep(INTO_REPLY_S)
    return reply, spoken


async def _interrupt(user: BenchClient, name: str) -> dict[str, Any]:
    client = user.client
    reply, question = await asked(user)
    gap = None if reply is None else gap_ms(client.listener, question, reply.created)
    replies = len(client.log.replies)
    spoken = user.microphone_feed.say(clip(name, client.rate))
    await spoken.finished
    await _listen(user, reply, replies, spoken.onset + LISTEN_S)
    silent = _silent_ms(client.listener, spoken)
    paused = next(
        (t for t, e in client.log.vdx if e["type"] == "vdx.playout.paused" and t > spoken.began),
        None,
    )
    return {
        "clip": name,
        "status": reply.status if reply else "missing",
        "gap_ms": gap,
        "silent_ms": silent,
        "came_ms": _silent_ms(getattr(client, "received", client.listener), spoken),
        "decision_ms": None if paused is None else round((paused - spoken.onset) * MS, 1),
        "last_frame_ms": None
        if paused is None or reply is None
        else round(max(0.0, reply.last_audio - paused) * MS, 2),
        "stale_ms": None if reply is None else reply.after_end * MS / 2 / client.rate,
        "outcomes": [e["type"] for _, e in client.log.vdx if "playout" in e["type"]],
        "heard": [heard.text for heard in client.log.heard],
    }


async def _listen(user: BenchClient, reply: Reply | None, replies: int, until: float) -> None:
    """Returns once the reply is over and what interrupted it is being answered, or at `until`."""

    def left_s() -> float:
        return max(0.0, until - time.monotonic())

    with contextlib.suppress(TimeoutError):
        await user.client.wait_for(lambda: bool(reply and reply.done), left_s())
        if await answered(user.client, replies, left_s()):
            await asyncio.sleep(min(SETTLED_S, left_s()))


def _silent_ms(listener: Listener, spoken: Spoken) -> float | None:
    """From the onset of what is said to the last of the sound; None where it goes on."""
    until = min(spoken.onset + LISTEN_S, time.monotonic())
    heard = listener.render(spoken.onset, until)
    silent = silent_after(heard, listener.rate)
    return None if silent is None else round(silent * MS, 1)
