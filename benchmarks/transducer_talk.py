"""`python -m benchmarks transducer-talk`: streaming recognisers of the real size, in conversations.

The model has random weights, so that a turn costs what it costs; what it says is no language, and
is said of noise too: a partial transcript counts once its last word lies behind the onset. A voice
that computes next to nothing answers. Server and person share the machine's cores.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.served_models import make
from benchmarks.transducer import LAYOUTS
from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.client_process import Step
from vdx.bench.clips import TURN_CLIPS, clip, preload
from vdx.bench.figures import Report
from vdx.bench.target import Target, TargetOptions, profile, target
from vdx.client.log import ConversationLog
from vdx.client.microphone_feed import Spoken
from vdx.core.paths import locate
from vdx.core.threads import in_thread
from vdx.serving.voicepacks.identify import identify
from vdx.serving.voicepacks.load_check import load_once
from vdx.serving.voicepacks.staging import Origin
from vdx.serving.voicepacks.store import VoicepackStore

VOICE, ANSWERS = "espeak-en", "short.yaml"
"""What was heard is no language, and takes minutes to repeat."""
SETTLE_S, BETWEEN_S = 2.2, 0.8
"""Room noise before the first clip and between two."""


REACH = {
    "zipformer": {"first_ms": 650.0, "flush_ms": 80.0},
    "fastconformer": {"first_ms": 450.0, "flush_ms": 110.0},
}
"""Medians: from the onset with one chunk of 320 or 160 ms; a FLUSH and 20 ms."""
FIGURES = (
    ("onset to the first partial", "first_ms"),
    ("onset to the second partial", "second_ms"),
    ("pause noticed to the speculative transcript", "flush_ms"),
    ("end of the turn to the final transcript", "final_ms"),
)


async def measure(layouts: Sequence[str], rounds: int, step: Step) -> Report:
    """`rounds` sessions with each layout, a turn for each recording."""
    report = Report("transducer-talk", {"rounds": rounds, "clips": list(TURN_CLIPS)})
    for layout in layouts:
        name, turns = LAYOUTS[layout], await _conversations(layout, rounds, step)
        for figure, key in FIGURES:
            found = [ms for turn in turns if (ms := turn[key]) is not None]
            reach = REACH[layout]
            limit = {"median": reach[key]} if key in reach else {}
            report.add(f"{name}: {figure}", "ms", found, **limit)
        silent = sum(turn["first_ms"] is None for turn in turns)
        report.notes.append(f"{name}: {silent} of {len(turns)} turns without a partial")
    return report


async def _conversations(layout: str, rounds: int, step: Step) -> list[dict[str, float | None]]:
    """The turns, against a server of their own with a model of the layout."""
    with tempfile.TemporaryDirectory(prefix="vdx-bench-") as folder:
        config = profile(VOICE, await _added(layout, Path(folder)), ANSWERS)
        async with _home(Path(folder)), target(TargetOptions(config=config)) as server:
            return await _turns(server, rounds, step)


async def _added(layout: str, home: Path) -> str:
    """Makes the model and adds it as `vdx voices add` does; returns its id."""
    paths = replace(locate(), home=home)
    made = home / "made" / f"bench-{layout}"
    program = ("-m", "benchmarks.transducer_graphs", layout, made)
    await make(f"a model of the layout {layout}", *program, cwd=paths.data)
    store = VoicepackStore(paths, load_once(paths))
    pack = await in_thread(store.add, *identify(made), Origin("here"))
    return pack.id


@contextlib.asynccontextmanager
async def _home(folder: Path) -> AsyncIterator[None]:
    """The server's models and settings are those of this folder."""
    before = os.environ.get("VDX_HOME")
    os.environ["VDX_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["VDX_HOME"]
        else:
            os.environ["VDX_HOME"] = before


async def _turns(server: Target, rounds: int, step: Step) -> list[dict[str, float | None]]:
    plan, turns = server.plan(), list[dict[str, float | None]]()
    preload(TURN_CLIPS, plan)
    for number in range(rounds):
        async with meet(plan, events=True, phase=number * 37) as client:
            await asyncio.sleep(SETTLE_S)
            for name in TURN_CLIPS:
                turns.append(await _turn(client, name))
            step()
    return turns


async def _turn(met: BenchClient, name: str) -> dict[str, float | None]:
    """One recording and the answer to it; milliseconds, None for what did not come."""
    log = met.client.log
    told, timed, replies = len(log.vdx), len(log.turns), len(log.replies)
    spoken = met.microphone_feed.say(clip(name, met.client.rate))
    await spoken.finished
    await met.reply_after(replies)
    await met.quiet(BETWEEN_S)
    partials = [(at - spoken.onset) * 1000 for at in _told_of(spoken, log, told)]
    stages = log.turns[timed]["stages"] if len(log.turns) > timed else {}
    return {
        "first_ms": partials[0] if partials else None,
        "second_ms": partials[1] if len(partials) > 1 else None,
        "flush_ms": _between(stages, "pause_noticed", "speculative_transcript"),
        "final_ms": _between(stages, "endpoint", "final_transcript"),
    }


def _told_of(spoken: Spoken, log: ConversationLog, told: int) -> list[float]:
    """When each partial transcript came, among the events from `told` on, with a word of it."""
    partials = [(at, each) for at, each in log.vdx[told:] if each["type"] == "vdx.transcript"]
    return [at for at, each in partials if (each["word_end_ms"] or 0) > spoken.onset_ms]


def _between(stages: dict[str, float], begin: str, end: str) -> float | None:
    return stages[end] - stages[begin] if begin in stages and end in stages else None
