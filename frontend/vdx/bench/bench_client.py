"""One simulated user: a connection, and a microphone feed that sends a frame every 20 ms."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from vdx.client.log import Reply
from vdx.client.microphone_feed import MicrophoneFeed, task_of
from vdx.client.realtime import WIRE_RATE, RealtimeClient
from vdx.client.scripted_call import audible, quiet

ANSWER_S = 15.0
LIVEKIT = "livekit"

T = TypeVar("T")
Client = Any
"""A RealtimeClient, or a RoomClient: they have the same surface."""


@dataclass(slots=True)
class BenchClient:
    """A client and its microphone feed; `where` is a plan with url and api_key."""

    client: Client
    microphone_feed: MicrophoneFeed

    async def reply_after(self, replies: int, seconds: float = ANSWER_S) -> Reply | None:
        """The first response beyond the first `replies`, once it sounds; None if none comes."""
        log = self.client.log

        def begun() -> bool:
            latest = log.latest
            return len(log.replies) > replies and latest is not None and audible(latest)

        try:
            await self.client.wait_for(begun, seconds)
        except TimeoutError:
            return None
        found: Reply = list(log.replies.values())[replies]
        return found

    async def hear_out(self, reply: Reply | None, seconds: float) -> None:
        """Returns once a reply is over and silent, or has taken too long."""
        if reply is not None:
            with contextlib.suppress(TimeoutError):
                await self.client.wait_for(lambda: bool(reply.done), seconds)
        await self.quiet(0.1)

    async def quiet(self, seconds: float) -> None:
        """Returns once nothing was audible or under way for so long."""
        await quiet(self.client, seconds)


async def together(count: int, user: Callable[[int], Coroutine[Any, Any, T]]) -> list[T]:
    """What `count` people at once come to, of whom each is told their number.

    Raises:
        BaseExceptionGroup: one of them failed; the others are ended.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(user(number), name=f"user-{number}") for number in range(count)]
    return [task.result() for task in tasks]


@contextlib.asynccontextmanager
async def meet(
    plan: dict[str, Any],
    *,
    events: bool = False,
    freezes: bool = False,
    voice: str = "",
    phase: int = 0,
) -> AsyncIterator[BenchClient]:
    """Connects and begins to send room noise; `events` opts in to vdx's own events.

    A client that `freezes` stops playing at `vdx.playout.paused`.

    A plan may name a `profile`. One with the transport "livekit" goes to a room of its own,
    `frame_ms` the length of its audio frames.
    """
    if plan.get("transport") == LIVEKIT:
        async with _meet_in_room(plan, voice, phase, falls_silent=freezes) as met:
            yield met
        return
    async with RealtimeClient.connect(
        plan["url"],
        profile=plan.get("profile", ""),
        api_key=plan.get("api_key", ""),
        rate=plan.get("rate", WIRE_RATE),
        freezes=freezes,
    ) as client:
        await client.update_session(events=events, voice=voice)
        async with _speaking(client, phase) as met:
            yield met


@contextlib.asynccontextmanager
async def _meet_in_room(
    plan: dict[str, Any], voice: str, phase: int, *, falls_silent: bool
) -> AsyncIterator[BenchClient]:
    from vdx.client.room import RoomClient

    named = {"voice": voice, "profile": plan.get("profile", "")}
    requested = {**plan.get("agent", {}), **{key: name for key, name in named.items() if name}}
    async with (
        RoomClient.connect(
            plan["url"],
            api_key=plan.get("api_key", ""),
            agent=requested,
            frame_ms=plan.get("frame_ms", 10),
            falls_silent=falls_silent,
        ) as client,
        _speaking(client, phase) as met,
    ):
        yield met


@contextlib.asynccontextmanager
async def _speaking(client: Client, phase: int) -> AsyncIterator[BenchClient]:
    microphone_feed = MicrophoneFeed(client, phase)
    sending = task_of(microphone_feed)
    try:
        yield BenchClient(client, microphone_feed)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
