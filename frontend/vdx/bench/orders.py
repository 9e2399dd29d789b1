"""`vdx bench orders`: people's spoken orders, as recorded and with a pause to think in them.

Each order of the held-back half is said twice to a server that repeats it: as it was recorded, and
with 0.8 s of the recording's own noise at the quietest place between two of its words. *Cut off* is
an order whose turn ended before the person had; *mended* is one of these that was answered as one
turn in the end: the last reply repeats all that was heard. A slot of an order (a drink, a size) is
right when every word of its label was heard. Each order has a session of its own, which ends soon
after the answer has begun: the rest of it says nothing new. Only an order that was cut off is
listened to for longer, because its last answer tells whether it was mended.
"""

import asyncio
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vdx.bench.bench_client import ANSWER_S, BenchClient, meet, together
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.endpointing.own_corpus import half_of, thinking
from vdx.bench.figures import Report, told
from vdx.bench.heard import gap_ms
from vdx.bench.target import Target
from vdx.bench.turn import BETWEEN_S, CUT_IN_S, SETTLE_S, SPREAD_S
from vdx.bench.word_errors import require_inflect
from vdx.bench.words import normalised
from vdx.client.realtime import WIRE_RATE
from vdx.client.recording import Clip, read_clip
from vdx.core.errors import InvalidInput, UnknownName
from vdx.core.paths import locate

PAUSE_MS: Final = 800
KINDS: Final = {"as recorded": 0, "with a pause": PAUSE_MS}
CUT_OFF: Final = {"as recorded": 2.0, "with a pause": 25.0}
"""Percent of the orders, to be reached."""
RIGHT: Final = 92.0
"""Percent of the slots, where the menu is given as hot words."""
MENDED: Final = 90.0
KNOWN_S: Final = 0.5
"""Of an answer, after which its gap and what was heard are known."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What is said: the first `count` orders of the held-back half in the ways `kinds` of KINDS.

    By `sessions` people at once. None is begun after `minutes`; 0: all are said. `hot_words`: the
    recogniser is told the menu.
    """

    count: int
    sessions: int = 1
    kinds: Sequence[str] = tuple(KINDS)
    hot_words: bool = False
    minutes: float = 0.0


def orders_folder() -> Path:
    """Where the recordings, their labels and word times are.

    Raises:
        UnknownName: they are only in a checkout.
    """
    paths = locate()
    if not paths.is_checkout:
        raise UnknownName("the orders are only in a checkout of vdx", param="orders")
    return paths.data / "benchmarks" / "data" / "orders"


def chosen(count: int) -> list[str]:
    """The first `count` orders of the held-back half, by name."""
    labels = json.loads((orders_folder() / "labels.json").read_text(encoding="utf-8"))
    names = sorted(name.removesuffix(".wav") for name in labels)
    return [name for name in names if half_of(name) == "held-back"][:count]


def menu() -> list[str]:
    """Every label of every order, once, the most frequent first."""
    labels = json.loads((orders_folder() / "labels.json").read_text(encoding="utf-8"))
    said = Counter(value for order in labels.values() for value in order["slots"].values())
    return [label for label, _ in said.most_common()]


async def measure(target: Target, wanted: Orders, step: Step | None = None) -> Report:
    """Those of the orders that were said in time.

    Raises:
        InvalidInput: words to expect are asked for in rooms, which have no way to send them.
    """
    if wanted.hot_words and target.livekit:
        raise InvalidInput("--hot-words: only over WebSockets, not in rooms", param="hot-words")
    require_inflect()
    plan = target.plan(
        orders=chosen(wanted.count),
        kinds=list(wanted.kinds),
        sessions=wanted.sessions,
        hot_words=wanted.hot_words,
        minutes=wanted.minutes,
    )
    status = await target.status()
    said = await run_client_process("orders", plan, step)
    options: dict[str, Any] = {"orders": len(plan["orders"]), "sessions": wanted.sessions}
    options |= {"hot words": wanted.hot_words, "minutes": wanted.minutes}
    options |= {key: status[key] for key in ("voice", "recogniser")}
    report = Report("orders", options | {"transport": plan["transport"]}, samples=said)
    for kind in wanted.kinds:
        if found := [each for each in said if each["kind"] == kind]:
            _add(report, kind, found, hot_words=wanted.hot_words)
    if left := len(plan["orders"]) * len(wanted.kinds) - len(said):
        report.notes.append(f"{left} orders were not begun within {wanted.minutes:g} minutes")
    return report


def _add(report: Report, kind: str, said: list[dict[str, Any]], *, hot_words: bool) -> None:
    cut = [each for each in said if each["cut_off"]]
    answered = told(said, "gap_ms")
    slots = [right for each in said for right in each["slots"].values()]
    report.add(f"cut off, {kind}", "%", [100 * len(cut) / len(said)], max=CUT_OFF[kind])
    if cut:
        one_turn = 100 * sum(each["mended"] for each in cut) / len(cut)
        report.add(f"of these answered as one turn, {kind}", "%", [one_turn], min=MENDED)
    goal = {"min": RIGHT} if hot_words else {}
    report.add(f"slots heard right, {kind}", "%", [100 * sum(slots) / len(slots)], **goal)
    report.add(f"end of speech to first audio, {kind}", "ms", answered)
    over = [each["talked_over_ms"] for each in cut if each["talked_over_ms"]]
    report.add(f"talked over for, {kind}", "ms", over)
    mended = sum(each["mended"] for each in cut)
    report.notes.append(
        f"{kind}: {len(cut)} of {len(said)} cut off, {mended} of these mended, "
        f"{len(said) - len(answered)} unanswered, {sum(slots)} of {len(slots)} slots right"
    )


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """The people's part."""
    turns = list(itertools.product(plan["orders"], plan["kinds"]))
    until = time.monotonic() + 60 * plan["minutes"] if plan["minutes"] else float("inf")
    shares = [turns[number :: plan["sessions"]] for number in range(plan["sessions"])]

    def user(number: int) -> Coroutine[Any, Any, list[dict[str, Any]]]:
        return _user(plan, number, shares[number], until, step)

    return [turn for found in await together(len(shares), user) for turn in found]


async def _user(
    plan: Plan, number: int, turns: list[tuple[str, str]], until: float, step: Step
) -> list[dict[str, Any]]:
    """One after the other; none is begun after `until`, monotonic seconds."""
    found = []
    if number:
        await asyncio.sleep(random.Random(number).uniform(0, SPREAD_S))  # noqa: S311  # nosec B311
    for name, kind in turns:
        if time.monotonic() > until:
            break
        # Read before the session begins, so that no frame is sent late for it.
        clip = await asyncio.to_thread(order, name, KINDS[kind], plan.get("rate", WIRE_RATE))
        async with meet(plan, events=True, phase=number * 37) as met:
            if plan["hot_words"]:
                await _give_hot_words(met)
            await asyncio.sleep(SETTLE_S)
            found.append({"order": name, "kind": kind, **await _said(met, clip, name)})
        step()
    return found


async def _give_hot_words(met: BenchClient) -> None:
    transcription = {"keywords": menu()}
    session = {"type": "realtime", "audio": {"input": {"transcription": transcription}}}
    await met.client.send({"type": "session.update", "session": session})


def order(name: str, pause_ms: int, rate: int) -> Clip:
    """An order at `rate` Hz, cut at its last loud sample, with a pause of this length."""
    file = orders_folder() / f"{name}.flac"
    if not pause_ms:
        return read_clip(file, rate).cut_at_end()
    words = json.loads((file.parent / "words.json").read_text(encoding="utf-8"))
    return thinking(file, words[name], pause_ms, rate)


async def _said(met: BenchClient, clip: Clip, name: str) -> dict[str, Any]:
    """Says one order and waits for its last answer.

    A recording may end in noise that is as loud as speech: an early answer to all that is ever
    heard of it cuts nothing off.
    """
    log = met.client.log
    spoken = met.microphone_feed.say(clip)
    await spoken.finished
    early = [each for each in log.replies.values() if each.created < spoken.end + CUT_IN_S]
    answer = await met.reply_after(len(early), ANSWER_S)
    if early:
        await met.quiet(BETWEEN_S)
    else:
        await asyncio.sleep(KNOWN_S)
    heard = normalised(" ".join(each.text for each in log.heard))
    if answer is None and early and heard in normalised(early[-1].text):
        early, answer = early[:-1], early[-1]
    last = answer.text if answer else ""
    return {
        "cut_off": bool(early),
        "mended": bool(early) and answer is not None and heard in normalised(last),
        "gap_ms": answer and gap_ms(met.client.listener, spoken, answer.created),
        "talked_over_ms": sum(
            max(0.0, (each.cut or each.last_audio) - each.first_audio) * 1000
            for each in early
            if each.first_audio
        ),
        "heard": heard,
        "answered": last,
        "errors": [error["message"] for error in log.errors],
        "slots": slots_right(name, heard),
        "stages": log.turns[-1]["stages"] if log.turns else {},
    }


def slots_right(name: str, heard: str) -> dict[str, bool]:
    """Of each slot of an order, whether all words of its label are in what was heard."""
    labels = json.loads((orders_folder() / "labels.json").read_text(encoding="utf-8"))
    words = set(heard.split())
    slots = labels[f"{name}.wav"]["slots"]
    return {slot: set(normalised(label).split()) <= words for slot, label in slots.items()}
