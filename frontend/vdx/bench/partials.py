"""`vdx bench partials`: when the first words of speech are shown, in a session without replies.

Recordings in one transcription session, a new session per round. The first partial transcript is
`vdx.transcript`; the first delta is the first part of it that will not change any more. The CPU is
that of the server's processes, the models' among them, while somebody speaks.
"""

import asyncio
from typing import Any

from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import TURN_CLIPS, clip, preload
from vdx.bench.figures import Report, told
from vdx.bench.procfs import usage
from vdx.bench.target import Target
from vdx.core.errors import InvalidInput

CLIPS = (*TURN_CLIPS, "ps_librivox_0870")
SETTLE_S = 2.2
"""Room noise before the first clip: the gate's window is 2 s."""
AFTER_S = 1.5
"""Until the final transcript is there, and the next clip begins."""
FIRST_MS = 800.0
DELTA = "conversation.item.input_audio_transcription.delta"


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """`rounds` sessions of five recordings each.

    Raises:
        InvalidInput: in rooms, which have no transcription sessions.
    """
    if target.livekit:
        raise InvalidInput("partials: only over WebSockets, not in rooms", param="transport")
    plan = target.plan(rounds=rounds)
    status = await target.status()
    before = usage(target.pid).cpu_seconds if target.pid else 0.0
    said = await run_client_process("partials", plan, step)
    spent = usage(target.pid).cpu_seconds - before if target.pid else 0.0
    options = {"rounds": rounds, "clips": list(CLIPS), "recogniser": status["recogniser"]}
    report = Report("partials", options, samples=said)
    first = told(said, "first_ms")
    report.add("onset to the first partial transcript", "ms", first, median=FIRST_MS)
    for name in CLIPS:
        own = told(said, "first_ms", clip=name)
        report.add(f"  {name}", "ms", own)
    delta = told(said, "delta_ms")
    report.add("onset to the first part that stays", "ms", delta)
    report.add("partial transcripts per second of speech", "", [s["rate"] for s in said])
    if target.pid:
        seconds = sum(each["seconds"] for each in said)
        report.add("CPU per second of speech, all of the server", "s", [spent / seconds])
    silent = sum(each["first_ms"] is None for each in said)
    report.notes.append(f"{silent} of {len(said)} recordings had no partial transcript")
    return report


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """The person's part."""
    preload(CLIPS, plan)
    said: list[dict[str, Any]] = []
    for number in range(plan["rounds"]):
        async with meet(plan, events=True, phase=number * 37) as user:
            await user.client.send({"type": "session.update", "session": {"type": "transcription"}})
            await asyncio.sleep(SETTLE_S)
            for name in CLIPS:
                said.append(await _say(user, name))
                step()
    return said


async def _say(user: BenchClient, name: str) -> dict[str, Any]:
    log, recording = user.client.log, clip(name, user.client.rate)
    told, deltas = len(log.vdx), log.count(DELTA)
    spoken = user.microphone_feed.say(recording)
    await spoken.finished
    await asyncio.sleep(AFTER_S)
    shown = [
        at
        for at, event in log.vdx[told:]
        if event["type"] == "vdx.transcript" and event["text"] and at < spoken.end
    ]
    stays = log.times(DELTA)[deltas:]
    seconds = spoken.end - spoken.onset
    return {
        "clip": name,
        "first_ms": _since(spoken.onset, shown),
        "delta_ms": _since(spoken.onset, stays),
        "rate": round(len(shown) / seconds, 2),
        "seconds": seconds,
    }


def _since(onset: float, times: list[float]) -> float | None:
    return round((times[0] - onset) * 1000, 1) if times else None
