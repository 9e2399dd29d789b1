"""`vdx bench interruptions`: many confirmed interruptions at once; no audio of a cancelled
reply may arrive afterwards.

Every user speaks over the long reply; the same words are the next turn. The two answers
differ in pitch: sound of one that arrives as part of the other is found by its frequency.
"""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report
from vdx.bench.target import Target
from vdx.client.recording import Clip
from vdx.core.events import Pcm

SPEECH = "ps_librivox_0880"
SPEECH_S = 1.1
"""More than `barge_in.confirm_ms`, so that every interruption is confirmed."""
OPENING_S = 0.1
WAIT_S = (0.2, 1.6)
PITCH_STEP_HZ = 10.0
MAX_ERRORS = 5


async def measure(target: Target, count: int, sessions: int, step: Step | None = None) -> Report:
    """`count` interruptions in all, by `sessions` users at once."""
    plan = {"url": target.url, "api_key": target.api_key, "count": count, "sessions": sessions}
    found = await run_client_process("interruptions", plan, step)
    report = Report("interruptions", {"count": count, "sessions": sessions})
    stale = [ms for user in found for ms in user["stale_ms"]]
    report.add("audio of a cancelled reply after its end", "ms", stale, max=0)
    report.add("pitch of another reply at the beginning", "replies", _foreign(found), max=0)
    confirm = [ms for user in found for ms in user["confirm_ms"]]
    report.add("onset to the reply's end", "ms", confirm)
    missed = sum(user["missed"] for user in found)
    report.notes.append(
        f"{len(stale)} interruptions confirmed, {missed} replies could not be interrupted"
    )
    errors = Counter(message for user in found for message in user["errors"])
    report.notes += [f"{n} x server said: {text}" for text, n in errors.most_common(MAX_ERRORS)]
    statuses = Counter(status for user in found for status in user["statuses"])
    report.notes.append(f"replies: {dict(statuses)}")
    return report


def _foreign(found: list[dict[str, Any]]) -> list[float]:
    """1 for every reply that begins with another pitch than most with the same first words."""
    by_text: dict[str, list[float]] = defaultdict(list)
    for user in found:
        for text, pitch in user["beginnings"]:
            by_text[text].append(pitch)
    return [
        float(abs(pitch - float(np.median(pitches))) > PITCH_STEP_HZ)
        for pitches in by_text.values()
        for pitch in pitches
    ]


@dataclass(slots=True)
class _Findings:
    """What one user measured."""

    done: int = 0
    confirm_ms: list[float] = field(default_factory=list)
    beginnings: list[tuple[str, float]] = field(default_factory=list)
    missed: int = 0


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """All users at once, started one after the other."""
    preload((SPEECH,), plan)
    shares = [plan["count"] // plan["sessions"]] * plan["sessions"]
    for index in range(plan["count"] % plan["sessions"]):
        shares[index] += 1
    return await together(len(shares), lambda number: _user(plan, number, shares[number], step))


async def _user(plan: Plan, number: int, share: int, step: Step) -> dict[str, Any]:
    chance = random.Random(number)  # noqa: S311  # nosec B311  (a repeatable choice of moments)
    found = _Findings()
    await asyncio.sleep(number * 0.15)
    async with meet(plan, events=True, phase=number * 13) as user:
        speech = _speech(user.client.rate)
        await asyncio.sleep(0.5)
        replies = 0
        await user.microphone_feed.say(speech).finished
        while found.done + found.missed < share:
            reply = await user.reply_after(replies)
            replies = len(user.client.log.replies)
            if reply is None or reply.done:
                found.missed += 1
                await user.microphone_feed.say(speech).finished
                continue
            await asyncio.sleep(chance.uniform(*WAIT_S))
            await _interrupt(user, speech, found)
            step()
        await asyncio.sleep(0.5)
        rate = user.client.rate
        stale = [
            reply.after_end * 1000 / 2 / rate
            for reply in user.client.log.replies.values()
            if reply.status == "cancelled"
        ]
    return {
        "stale_ms": stale,
        "confirm_ms": found.confirm_ms,
        "beginnings": found.beginnings,
        "missed": found.missed,
        "statuses": [reply.status for reply in user.client.log.replies.values()],
        "errors": [error["message"] for error in user.client.log.errors],
    }


async def _interrupt(user: BenchClient, speech: Clip, found: _Findings) -> None:
    client = user.client
    reply = client.log.latest
    spoken = user.microphone_feed.say(speech)
    await spoken.finished
    if reply is None:
        return
    begin = client.listener.samples_of(reply.id)[: round(OPENING_S * client.rate)]
    first_words = " ".join(reply.text.split()[:3])
    if begin.size and first_words:
        found.beginnings.append((first_words, pitch(begin, client.rate)))
    if reply.status == "cancelled":
        found.confirm_ms.append(round((reply.done - spoken.onset) * 1000, 1))
    client.listener.forget(client.listener.end - 1.0)
    found.done += 1


def pitch(pcm: Pcm, rate: int) -> float:
    """The strongest frequency of a tone in Hz."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(pcm.size), rate))
    return float(np.argmax(spectrum))


def _speech(rate: int) -> Clip:
    whole = clip(SPEECH, rate)
    begin = whole.onset
    end = begin + round(SPEECH_S * rate)
    return Clip(f"{SPEECH}-begin", whole.pcm[begin:end], rate, 0, end - begin)
