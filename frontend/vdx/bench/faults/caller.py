"""The person of one case: brings a turn to a stage, and says what was noticed after the fault."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from vdx.bench.bench_client import BenchClient, meet
from vdx.bench.clips import clip
from vdx.client.log import Reply
from vdx.core.errors import VdxError

SPEECH = "ps_cards_002"
OPENING = "ps_goforward"
STAGES = ("listening", "hearing", "understanding", "answering", "speaking", "interrupting")
"""Nobody speaks; the person does; has just ended; the answer is begun and silent; it sounds; the
person speaks over it."""
INTO_THE_SPEECH_S = 0.8
INTO_THE_ANSWER_S = 0.4
TRY_S = 8.0
"""An answer that has not come by then is asked for once more."""
GIVE_UP_S = 45.0


@dataclass(slots=True)
class Noticed:
    """`waited_s` from the fault, or the person's last words, to the next answer that is completed,
    or to the one after it where that took longer; `underrun_s` the longest silence within the
    answer under way; `told` codes of errors."""

    waited_s: float = 0.0
    underrun_s: float = 0.0
    told: list[str] = field(default_factory=list)
    lost: bool = False
    answered: bool = False
    before: str = ""
    """Why the case could not be tried: what an earlier one left behind."""


async def live(plan: dict[str, Any], stage: str, fault: Callable[[], None]) -> Noticed:
    """One call with a fault in its second turn; one that is lost is made again."""
    noticed, happened = Noticed(), 0.0
    try:
        async with meet(plan, events=True) as user:
            await asyncio.sleep(1.5)
            await _turn(user, SPEECH)
            await _reach(user, stage)
            fault()
            happened = time.monotonic()
            await _recover(user, noticed, happened)
    except (VdxError, TimeoutError, OSError):
        if not happened:
            raise
        noticed.lost = True
        await _call_again(plan, noticed, happened)
    return noticed


async def _turn(user: BenchClient, name: str) -> None:
    replies = len(user.client.log.replies)
    await user.microphone_feed.say(clip(name, user.client.rate)).finished
    if await user.reply_after(replies) is None:
        raise VdxError("no answer before the fault", service="bench")
    await user.quiet(0.5)


async def _reach(user: BenchClient, stage: str) -> None:
    log, rate = user.client.log, user.client.rate
    replies = len(log.replies)
    if stage == "listening":
        return
    spoken = user.microphone_feed.say(clip(SPEECH, rate))
    if stage == "hearing":
        await asyncio.sleep(INTO_THE_SPEECH_S)
        return
    await spoken.finished
    if stage == "understanding":
        return
    await user.client.wait_for(lambda: len(log.replies) > replies, TRY_S)
    if stage == "answering":
        return
    await user.reply_after(replies)
    await asyncio.sleep(INTO_THE_ANSWER_S)
    if stage == "interrupting":
        user.microphone_feed.say(clip(OPENING, rate))
        await asyncio.sleep(0.3)


async def _recover(user: BenchClient, noticed: Noticed, happened: float) -> None:
    """Waits for the answer under way, and asks again while there is none."""
    client = user.client
    asked = happened
    under_way = client.listener.end > happened
    while time.monotonic() - happened < GIVE_UP_S:
        found = await _answer(user, happened)
        noticed.told = _told(user)
        if found is not None:
            first = found.first_audio or found.done
            noticed.answered = True
            noticed.waited_s = round(max(0.0, first - asked), 2)
            underruns = [gap.seconds for gap in _underruns(client) if gap.at >= happened - 0.1]
            noticed.underrun_s = round(max(underruns, default=0.0), 2) if under_way else 0.0
            await _ask_once_more(user, noticed)
            return
        await user.microphone_feed.say(clip(SPEECH, client.rate)).finished
    raise TimeoutError("no answer")


async def _ask_once_more(user: BenchClient, noticed: Noticed) -> None:
    """An answer that was computed before the fault says nothing of it: the next one does."""
    await user.quiet(0.3)
    replies = len(user.client.log.replies)
    spoken = user.microphone_feed.say(clip(SPEECH, user.client.rate))
    await spoken.finished
    reply = await user.reply_after(replies, GIVE_UP_S)
    noticed.told = _told(user)
    if reply is None or not reply.first_audio:
        noticed.answered = False
        return
    noticed.waited_s = max(noticed.waited_s, round(reply.first_audio - spoken.end, 2))


def _told(user: BenchClient) -> list[str]:
    return sorted({error["code"] or error["type"] for error in user.client.log.errors})


def _underruns(client: Any) -> list[Any]:
    return list(getattr(client.listener, "underruns", []))


async def _answer(user: BenchClient, happened: float) -> Reply | None:
    """An answer that sounded, or went on, after the fault and was completed."""
    log = user.client.log

    def completed() -> bool:
        return _completed(log, happened) is not None

    try:
        await user.client.wait_for(completed, TRY_S)
    except TimeoutError:
        return None
    return _completed(log, happened)


def _completed(log: Any, happened: float) -> Reply | None:
    replies = [r for r in log.replies.values() if r.done > happened and r.status == "completed"]
    return replies[0] if replies else None


async def _call_again(plan: dict[str, Any], noticed: Noticed, happened: float) -> None:
    while time.monotonic() - happened < GIVE_UP_S:
        try:
            async with meet(plan, events=True) as user:
                await asyncio.sleep(0.5)
                replies = len(user.client.log.replies)
                spoken = user.microphone_feed.say(clip(SPEECH, user.client.rate))
                await spoken.finished
                reply = await user.reply_after(replies)
                if reply is not None and reply.first_audio:
                    speaking = spoken.end - spoken.began + 0.5
                    noticed.waited_s = round(reply.first_audio - happened - speaking, 2)
                    noticed.answered = True
                    return
        except (VdxError, TimeoutError, OSError):
            await asyncio.sleep(0.3)
