"""`vdx bench false-bargein`: a 300 ms "uh" while the reply is heard (S3).

The reply heard with the sound is compared, sample by sample, with the same reply undisturbed;
for that the voice must say the same text twice alike, which `tone` does and espeak-ng does not.
"""

import asyncio
import itertools
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from vdx.bench.bargein import long_reply
from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import LISTENING_SOUND, OPENING, clip, preload
from vdx.bench.figures import Report, told
from vdx.bench.sound import WINDOW_MS, compare, first_loud, loud_ms, loud_windows
from vdx.bench.target import Target
from vdx.client.log import Reply
from vdx.client.microphone_feed import Spoken
from vdx.core.audio import SPEAK_RATE, to_pcm
from vdx.core.errors import VdxError
from vdx.core.events import Pcm

END_S = 1.0
WRITTEN_S = 30.0
LEAST_PAUSE_MS = 100
"""A shorter silence in a room can come from the network; it is not counted."""


async def measure(
    target: Target,
    rounds: int,
    *,
    aware: bool = False,
    exact: bool = True,
    step: Step | None = None,
) -> Report:
    """Disturbs `rounds` replies; `aware` clients opt in to vdx's events and freeze.

    `exact` compares samples; without it only the loud time is compared.
    """
    plan = target.plan(rounds=rounds, aware=aware)
    found = await run_client_process("false_bargein", plan, step)
    rows = found["disturbed"]
    if target.livekit:
        exact = exact and await asyncio.to_thread(compare_fed, target.recordings, found)
    options = {"rounds": rounds, "sound": LISTENING_SOUND, "aware_client": aware}
    options["transport"] = plan["transport"]
    report = Report("false-bargein", options, samples=rows)
    rows = [row for row in rows if not row.get("cut_in")]
    for key, name, limit in (
        ("lost_ms", "reply lost", 0.0),
        ("doubled_ms", "reply doubled", 0.0),
        ("different_ms", "reply changed beyond the fade-in", 0.0),
    ):
        if exact:
            report.add(name, "ms", [row[key] for row in rows], max=limit)
    resumed = told(rows, "resumed_ms")
    # A reply that nothing paused has nothing to go on after: the goal is for those that were.
    goal = {"max": 450.0 if target.livekit else 400.0} if resumed or not rows else {}
    report.add("end of the sound to the reply going on", "ms", resumed, **goal)
    report.add("onset to silence", "ms", [r["stopped_ms"] for r in rows if r["stopped_ms"]])
    report.add("loud time lost (peers' measure)", "ms", [row["loud_lost_ms"] for row in rows])
    stopped = sum(row["stopped_ms"] is not None for row in rows)
    report.notes.append(
        f"{stopped} of {len(rows)} replies paused; an undisturbed one has {found['loud_ms']} ms "
        f"of sound in {found['whole_ms']} ms"
    )
    if early := len(found["disturbed"]) - len(rows):
        report.notes.append(f"{early} not counted: the question was answered before its end")
    return report


async def run_users(plan: Plan, step: Step) -> dict[str, Any]:
    """What the user does: hears one reply undisturbed, then the disturbed ones."""
    preload((OPENING, LISTENING_SOUND), plan)
    async with _meet(plan) as user:
        reply = await long_reply(user)
        await user.quiet(END_S)
        rate = user.client.rate
        whole = user.client.listener.samples_of(reply.id if reply else "")
        session = _session(user)
    step()
    rows = []
    for _ in range(plan["rounds"]):
        async with _meet(plan) as user:
            rows.append(await _disturb(user, whole))
        step()
    return {
        "disturbed": rows,
        "session": session,
        "loud_ms": loud_ms(whole, rate),
        "whole_ms": whole.size * 1000 // rate,
    }


def _meet(plan: Plan) -> Any:
    return meet(plan, events=plan["aware"], freezes=plan["aware"])


async def _disturb(user: BenchClient, whole: Pcm) -> dict[str, Any]:
    client = user.client
    reply = await long_reply(user)
    # Of a question that was taken for two, the first answer is over, and recorded with the second.
    cut_in = reply is not None and bool(reply.done)
    spoken = user.microphone_feed.say(clip(LISTENING_SOUND, client.rate))
    await spoken.finished
    await user.quiet(END_S)
    heard = client.listener.samples_of(reply.id) if reply else np.zeros(0, np.int16)
    difference = compare(whole, heard, client.rate)
    stopped, resumed = (_gap if _in_room(user) else _pause)(user, spoken, reply)
    return {
        "session": _session(user),
        "status": reply.status if reply else "missing",
        "cut_in": cut_in,
        "lost_ms": difference.lost_ms,
        "doubled_ms": difference.doubled_ms,
        "different_ms": difference.different_ms,
        "stopped_ms": stopped,
        "resumed_ms": resumed,
        "loud_lost_ms": loud_ms(whole, client.rate) - loud_ms(heard, client.rate),
        "heard": [heard.text for heard in client.log.heard],
    }


def compare_fed(folder: Path | None, found: dict[str, Any]) -> bool:
    """Adds to each row the samples written to the room's track, compared with an undisturbed run.

    Over WebRTC the samples heard are not those sent: Opus and the jitter buffer change
    them. False where the server keeps no recordings.
    """
    if folder is None:
        return False
    whole = _fed(folder, found["session"])
    found["whole_ms"] = whole.size * 1000 // SPEAK_RATE
    found["loud_ms"] = loud_ms(whole, SPEAK_RATE)
    for row in found["disturbed"]:
        fed = _fed(folder, row["session"])
        difference = compare(whole, fed, SPEAK_RATE)
        row["lost_ms"], row["doubled_ms"] = difference.lost_ms, difference.doubled_ms
        row["different_ms"] = difference.different_ms
        row["loud_lost_ms"] = found["loud_ms"] - loud_ms(fed, SPEAK_RATE)
    return True


def _fed(folder: Path, session: str) -> Pcm:
    """The samples sent to a session's track, int16 at 48 kHz; saved when the session has ended."""
    recorded = folder / f"{session}.wav"
    deadline = time.monotonic() + WRITTEN_S
    while not recorded.exists():
        if time.monotonic() > deadline:
            raise VdxError(f"the server wrote no {recorded.name}", service="bench")
        time.sleep(0.1)
    with wave.open(str(recorded), "rb") as file:
        return to_pcm(file.readframes(file.getnframes()))


def _in_room(user: BenchClient) -> bool:
    return bool(_session(user))


def _session(user: BenchClient) -> str:
    """The room's session id; empty over the WebSocket, whose session is an object of its own."""
    return str(user.client.session.get("session", ""))


def _gap(
    user: BenchClient, spoken: Spoken, _reply: Reply | None
) -> tuple[float | None, float | None]:
    """The same for a room, where silence arrives as sound: the longest one after the onset."""
    rate = user.client.rate
    heard = user.client.listener.render(spoken.onset, spoken.end + END_S)
    loud = np.flatnonzero(loud_windows(heard, rate))
    if loud.size < 2:
        return None, None
    gaps = np.diff(loud)
    longest = int(gaps.argmax())
    if gaps[longest] * WINDOW_MS < LEAST_PAUSE_MS:
        return None, None
    stopped = float(loud[longest] + 1) * WINDOW_MS
    resumed = float(loud[longest + 1]) * WINDOW_MS - (spoken.end - spoken.onset) * 1000
    return round(stopped, 1), round(resumed, 1)


def _pause(
    user: BenchClient, spoken: Spoken, reply: Reply | None
) -> tuple[float | None, float | None]:
    """Onset to where the reply's sound breaks off, and the sound's end to where it goes on."""
    pieces = [p for p in user.client.listener.pieces if reply and p.response == reply.id]
    rate = user.client.rate
    for before, after in itertools.pairwise(pieces):
        if after.start > spoken.onset and not after.follows:
            broke = before.start + before.pcm.size / rate
            rest = user.client.listener.render(after.start, after.start + END_S)
            offset = first_loud(rest, rate) or 0.0
            return (
                round((broke - spoken.onset) * 1000, 1),
                round((after.start + offset - spoken.end) * 1000, 1),
            )
    return None, None
