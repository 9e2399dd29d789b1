"""`vdx bench jitter`: how evenly audio arrives, and whether it is heard without dropouts (S4).

Each session repeats 3 s of speech and 5 s of a steady tone as the answer. With the processes of
the server known, the same run tells what a session costs (S5).
"""

import asyncio
import itertools
import math
import time
from typing import Any

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report, gathered
from vdx.bench.heard import dry_ms
from vdx.bench.procfs import usage
from vdx.bench.scrape import Metrics, quantile
from vdx.bench.sound import dropouts_ms
from vdx.bench.target import Target
from vdx.client.listener import Listener, Piece
from vdx.client.log import Reply
from vdx.client.room_audio_input import RoomAudioInput

SPEECH = "ps_librivox_0880"
STAGGER_S = 0.35
"""Between the first words of two users, so that they do not speak at the same time."""
LATE_S = 0.04
MAX_ERRORS = 5
_NOTHING: dict[str, Any] = {
    "jitter_ms": [],
    "late_ms": [],
    "late_frames": 0,
    "dropouts_ms": 0,
    "dry_ms": 0.0,
}


async def measure(
    target: Target, sessions: int, seconds: float, step: Step | None = None
) -> Report:
    """`sessions` users talk for `seconds` each."""
    plan = target.plan(sessions=sessions, seconds=seconds, frame_ms=20)
    before = await target.metrics()
    spent = usage(target.pid).cpu_seconds if target.pid else 0.0
    users = await run_client_process("jitter", plan, step)
    cost = usage(target.pid).cpu_seconds - spent if target.pid else None
    after = await target.metrics()
    options = {"sessions": sessions, "seconds": seconds, "transport": plan["transport"]}
    report = Report("jitter", options)
    _add_user_figures(report, users, in_room=target.livekit)
    session_seconds = sum(user["open_s"] for user in users)
    if cost is not None:
        reach = {"median": 0.12 if target.livekit else 0.06} if sessions == 8 else {}
        figure = [round(cost / session_seconds, 4)]
        report.add("server CPU per session-second, Triton included", "core", figure, **reach)
    _add_pacing(report, before, after)
    if target.livekit:
        name = "vdx_room_output_underruns_total"
        dry = after.total(name) - before.total(name)
        report.add("frames fed after the track's queue was dry", "frames", [dry], max=0)
    name = "vdx_reply_underruns_total"
    underruns = after.total(name) - before.total(name)
    report.add("voice slower than the listener", "times", [underruns], max=0)
    return report


def _add_pacing(report: Report, before: Metrics, after: Metrics) -> None:
    """Bounds of the server's own histogram; one above its last bucket is a figure not reached."""
    for share, name, reach in ((0.5, "p50", {}), (0.95, "p95", {}), (0.99, "p99", {"max": 5.0})):
        if (bound := quantile(before, after, "vdx_pacing_error_seconds", share)) is not None:
            known = math.isfinite(bound)
            values = [bound * 1000] if known else []
            report.add(f"server pacing {name}, at most", "ms", values, **reach)
            if not known:
                report.notes.append(f"server pacing {name} is above the histogram's last bucket")


def _add_user_figures(report: Report, users: list[dict[str, Any]], *, in_room: bool) -> None:
    if in_room:  # its jitter buffer hides how frames arrive, and fills what is late
        report.add("joining to the conversation's begin", "ms", [p["ready_ms"] for p in users])
        report.add("dropouts heard in each reply", "ms", gathered(users, "dropouts_ms"))
    else:
        late = float(sum(p["late_frames"] for p in users))
        report.add("|inter-arrival - frame|", "ms", gathered(users, "jitter_ms"))
        report.add("arrival after its time", "ms", gathered(users, "late_ms"))
        report.add("frames over 40 ms late", "frames", [late])
        report.add("dropouts heard in each reply", "ms", gathered(users, "dropouts_ms"), max=0)
        report.add("queue dry in each reply", "ms", gathered(users, "dry_ms"), max=0)
    report.add("turn gap", "ms", gathered(users, "gap_ms"))
    report.add("lateness of the person's own frames", "ms", gathered(users, "lag_ms"))
    replies = sum(user["replies"] for user in users)
    silent = sum(user["silent"] for user in users)
    failed = sum(len(user["failed"]) for user in users)
    report.notes.append(
        f"{replies} replies heard, {silent} turns unanswered, {failed} replies not completed"
    )
    errors = [message for user in users for message in user["errors"]]
    report.notes += [f"server said: {message}" for message in errors[:MAX_ERRORS]]


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """What the users do: all in this process, each with a connection of their own.

    What they heard is evaluated after the last one ends: it would delay those still listening.
    """
    preload((SPEECH,), plan)
    users = await together(plan["sessions"], lambda number: _user(plan, number, step))
    return [_experience(*user) for user in users]


async def _user(plan: Plan, number: int, step: Step) -> tuple[BenchClient, dict[str, Any]]:
    await asyncio.sleep(number * STAGGER_S)
    gaps: list[float] = []
    silent = 0
    began = time.monotonic()
    async with meet(plan, phase=number * 13) as user:
        while time.monotonic() - began < plan["seconds"]:
            gap = await _turn(user)
            if gap is None:
                silent += 1
            else:
                gaps.append(gap)
            step()
        open_s = time.monotonic() - began
    return user, {"open_s": open_s, "silent": silent, "gap_ms": gaps}


def _experience(user: BenchClient, told: dict[str, Any]) -> dict[str, Any]:
    log = user.client.log
    replies = [reply for reply in log.replies.values() if reply.status == "completed"]
    found = [_regularity(user.client.listener, reply) for reply in replies]
    return told | {
        "ready_ms": user.client.ready_ms,
        "replies": len(replies),
        "failed": [r.status for r in log.replies.values() if r.status != "completed"],
        "errors": [error["message"] for error in log.errors],
        "jitter_ms": [value for row in found for value in row["jitter_ms"]],
        "late_ms": [value for row in found for value in row["late_ms"]],
        "late_frames": sum(row["late_frames"] for row in found),
        "dropouts_ms": [row["dropouts_ms"] for row in found],
        "dry_ms": [row["dry_ms"] for row in found],
        "lag_ms": [round(value, 2) for value in user.microphone_feed.lag_ms],
    }


async def _turn(user: BenchClient) -> float | None:
    """Speaks, hears the reply to its end; the gap in ms, None when none came."""
    replies = len(user.client.log.replies)
    spoken = user.microphone_feed.say(clip(SPEECH, user.client.rate))
    await spoken.finished
    reply = await user.reply_after(replies)
    await user.quiet(0.1)
    if reply is None or not reply.first_audio:
        return None
    return round((reply.first_audio - spoken.end) * 1000, 1)


def _regularity(listener: Listener, reply: Reply) -> dict[str, Any]:
    """How the frames of one reply came, and what was heard of it."""
    if isinstance(listener, RoomAudioInput):
        heard = listener.render(reply.first_audio, reply.last_audio)
        return _NOTHING | {"dropouts_ms": sum(dropouts_ms(heard, listener.rate))}
    pieces = [piece for piece in listener.pieces if piece.response == reply.id]
    if not pieces:
        return _NOTHING
    heard = listener.render(pieces[0].start, _end(pieces[-1], listener.rate))
    uneven, late, due = [], [], pieces[0].arrived
    for before, piece in itertools.pairwise(pieces):
        length = before.pcm.size / listener.rate
        due += length
        uneven.append(round(abs(piece.arrived - before.arrived - length) * 1000, 2))
        late.append(round(max(0.0, piece.arrived - due) * 1000, 2))
    return {
        "jitter_ms": uneven,
        "late_ms": late,
        "late_frames": sum(value > LATE_S * 1000 for value in late),
        "dropouts_ms": sum(dropouts_ms(heard, listener.rate)),
        "dry_ms": dry_ms(listener, reply.id),
    }


def _end(piece: Piece, rate: int) -> float:
    return piece.start + piece.pcm.size / rate
