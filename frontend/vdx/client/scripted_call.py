"""One whole conversation: plays recordings one after the other and waits for each reply."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from vdx.client.log import Reply
from vdx.client.microphone_feed import MicrophoneFeed, task_of
from vdx.client.realtime import RealtimeClient
from vdx.client.recording import Clip
from vdx.core.errors import ConnectionLost

SETTLE_S = 0.6
"""Silence after a reply before the next recording: longer than any endpoint decision."""
POLL_S = 0.02


async def speak_recordings(
    client: RealtimeClient, clips: Sequence[Clip], answer_timeout_s: float = 20.0
) -> int:
    """Says each clip and waits until its answer was heard; returns how many went unanswered.

    Raises:
        ConnectionLost: the server went away.
    """
    microphone_feed = MicrophoneFeed(client)
    sending = task_of(microphone_feed)
    unanswered = 0
    try:
        await quiet(client, SETTLE_S)
        for clip in clips:
            replies = len(client.log.replies)
            await microphone_feed.say(clip).finished
            if not await answered(client, replies, answer_timeout_s):
                unanswered += 1
            await quiet(client, SETTLE_S)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return unanswered


async def answered(client: RealtimeClient, replies: int, timeout_s: float) -> bool:
    """Whether a reply beyond the first `replies` began to sound within `timeout_s`."""

    def begun() -> bool:
        latest = client.log.latest
        return len(client.log.replies) > replies and latest is not None and audible(latest)

    try:
        await client.wait_for(begun, timeout_s)
    except TimeoutError:
        return False
    return True


def audible(reply: Reply) -> bool:
    """Whether a reply has begun to sound, or ended without audio."""
    return bool(reply.first_audio or reply.done)


async def quiet(client: RealtimeClient, seconds: float, timeout_s: float = 120.0) -> None:
    """Returns when nothing was under way or audible for `seconds`.

    Raises:
        TimeoutError: a reply goes on for longer than `timeout_s`.
        ConnectionLost: the server went away.
    """
    deadline = time.monotonic() + timeout_s
    since = time.monotonic()
    while (now := time.monotonic()) - since < seconds:
        if client.lost is not None:
            raise ConnectionLost(client.lost)
        if now > deadline:
            raise TimeoutError(f"the reply goes on after {timeout_s:g} s")
        if client.log.active is not None or client.listener.end > now:
            since = now
        await asyncio.sleep(POLL_S)


def summary(client: RealtimeClient) -> dict[str, Any]:
    """What `vdx talk --json` ends with."""
    log = client.log
    replies = list(log.replies.values())
    return {
        "heard": [heard.text for heard in log.heard],
        "said": [reply.text for reply in replies],
        "turns": [
            {
                "speech_end_to_first_audio_ms": turn["speech_end_to_first_audio_ms"],
                "stages": turn["stages"],
            }
            for turn in log.turns
        ],
        "interruptions": interruptions(client),
    }


def interruptions(client: RealtimeClient) -> list[dict[str, Any]]:
    """Every pause of a reply: how far it had come, and whether it went on or was cancelled."""
    found: list[dict[str, Any]] = []
    for _, event in client.log.vdx:
        if event["type"] == "vdx.playout.paused":
            reply = client.log.replies.get(event["response_id"])
            cancelled = reply is not None and reply.status == "cancelled"
            found.append(
                {
                    "response_id": event["response_id"],
                    "played_ms": event["played_ms"],
                    "outcome": "confirmed" if cancelled else "pending",
                    "said": reply.text if reply else "",
                }
            )
        elif event["type"] == "vdx.playout.resumed" and found:
            found[-1]["outcome"] = "resumed"
    return found
