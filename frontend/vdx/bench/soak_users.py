"""The people of `vdx bench soak`: one conversation after the other until the time is over.

Each has some turns, interrupts some of the answers, changes the voice, is silent for a while, and
at times leaves in the middle of an answer. What everybody does is drawn from a seed of their own.
"""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from vdx.bench.bench_client import BenchClient, meet, together
from vdx.bench.client_process import Plan, Step
from vdx.bench.clips import TURN_CLIPS, clip, preload
from vdx.client.recording import Clip
from vdx.core.errors import VdxError

INTERRUPTING = "ps_librivox_0880"
INTERRUPTING_S = 1.1
"""More than `barge_in.confirm_ms`."""
TURNS = (2, 6)
IDLE_S = (0.5, 12.0)
INTO_THE_ANSWER_S = (0.2, 1.2)
INTERRUPTS, SWAPS, LEAVES = 0.25, 0.25, 0.1
"""Shares: of answers that are interrupted, of turns before which the voice changes, of answers in
whose middle the person leaves."""
SETTLE_S = 2.2
"""Room noise before the first words: the gate's window is 2 s."""
MESSAGE = 200


@dataclass(slots=True)
class Told:
    """What happened to one person; `turns` are [seconds since the start, gap in ms]."""

    conversations: int = 0
    failed: int = 0
    turns: list[tuple[float, float]] = field(default_factory=list)
    unanswered: int = 0
    interrupted: int = 0
    swaps: int = 0
    left: int = 0
    errors: list[str] = field(default_factory=list)


async def run_users(plan: Plan, step: Step) -> list[dict[str, Any]]:
    """All of `plan["sessions"]` people for `plan["seconds"]`; each finishes a conversation."""
    preload((*TURN_CLIPS, INTERRUPTING), plan)
    began = time.monotonic()
    told = await together(plan["sessions"], lambda number: _User(plan, number, began).run(step))
    return [{name: getattr(each, name) for name in Told.__slots__} for each in told]


class _User:
    def __init__(self, plan: Plan, number: int, began: float) -> None:
        self._plan = plan
        self._number = number
        self._began = began
        self._chance = random.Random(number)  # noqa: S311  # nosec B311  (a repeatable choice)
        self._voice = 0
        self._told = Told()

    async def run(self, step: Step) -> Told:
        await asyncio.sleep(self._number * 0.7)
        while True:
            try:
                await self._converse(step)
            except (VdxError, TimeoutError) as error:
                self._told.failed += 1
                self._told.errors.append((str(error) or type(error).__name__)[:MESSAGE])
                await asyncio.sleep(1.0)
            self._told.conversations += 1
            if time.monotonic() - self._began >= self._plan["seconds"]:
                return self._told

    async def _converse(self, step: Step) -> None:
        async with meet(self._plan, events=True, phase=self._number * 13) as user:
            await asyncio.sleep(SETTLE_S)
            for _ in range(self._chance.randint(*TURNS)):
                if self._chance.random() < SWAPS:
                    await self._swap(user)
                if await self._turn(user):
                    self._told.left += 1
                    break
                step()
                await asyncio.sleep(self._chance.uniform(*IDLE_S))
            self._told.errors += [each["message"][:MESSAGE] for each in user.client.log.errors]

    async def _swap(self, user: BenchClient) -> None:
        self._voice = (self._voice + 1) % len(self._plan["voices"])
        await user.client.update_session(events=True, voice=self._plan["voices"][self._voice])
        self._told.swaps += 1

    async def _turn(self, user: BenchClient) -> bool:
        """One turn, at times an interrupted one; whether the person left in its middle."""
        client, chance = user.client, self._chance
        replies = len(client.log.replies)
        spoken = user.microphone_feed.say(clip(chance.choice(TURN_CLIPS), client.rate))
        await spoken.finished
        reply = await user.reply_after(replies)
        if reply is None or not reply.first_audio:
            self._told.unanswered += 1
            return False
        gap = (reply.first_audio - spoken.end) * 1000
        self._told.turns.append((round(spoken.end - self._began, 1), round(gap, 1)))
        if chance.random() < LEAVES:
            return True
        if chance.random() < INTERRUPTS:
            await asyncio.sleep(chance.uniform(*INTO_THE_ANSWER_S))
            await user.microphone_feed.say(_interruption(client.rate)).finished
            self._told.interrupted += 1
        await user.quiet(0.5)
        client.listener.forget(client.listener.end)
        return False


def _interruption(rate: int) -> Clip:
    whole = clip(INTERRUPTING, rate)
    end = whole.onset + round(INTERRUPTING_S * rate)
    return Clip(INTERRUPTING, whole.pcm[whole.onset : end], rate, 0, end - whole.onset)
