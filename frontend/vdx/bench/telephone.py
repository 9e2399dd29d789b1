"""`vdx bench telephone`: G.711 (µ-law) at 8 kHz against 24 kHz over the same WebSocket.

The turns of `turn` and the interruptions of `bargein` over either by turns; then every bundled
recording whose words are known, said in a transcription session over either: how many words are
heard wrong.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vdx.bench.bench_client import ANSWER_S, meet
from vdx.bench.client_process import Plan, Step, run_client_process
from vdx.bench.clips import clip, preload
from vdx.bench.figures import Report
from vdx.bench.reference_transcripts import REFERENCE_TRANSCRIPTS
from vdx.bench.target import Target
from vdx.bench.ways import CONVERSATION, add_difference, add_notes, converse
from vdx.bench.word_errors import word_error_rate
from vdx.bench.words import normalised
from vdx.client.log import ConversationLog
from vdx.core.errors import InvalidInput

ADDED_MS = 20.0
MORE_WRONG = 3.0
"""Points of words heard wrong."""
SETTLE_S = 2.2
"""Room noise before the first recording: the gate's window is 2 s."""
TRANSCRIPTION = "conversation.item.input_audio_transcription"
AFTER_S = 2.5
"""Until the turn is over, also of a recording that ends as if unfinished."""


async def measure(target: Target, rounds: int, step: Step | None = None) -> Report:
    """Each round is four turns and two interruptions at either rate; the words are said once.

    Raises:
        InvalidInput: in rooms, where LiveKit's codec takes the place of G.711.
    """
    if target.livekit:
        raise InvalidInput("telephone: only over WebSockets, not in rooms", param="transport")
    ways = {
        "24 kHz": replace(target, telephone=False),
        "8 kHz": replace(target, telephone=True),
    }
    found = await converse(ways, (), rounds, step)
    heard = {
        way: await run_client_process("telephone", there.plan(), step)
        for way, there in ways.items()
    }
    status = await target.status()
    options = {"rounds": rounds, "recogniser": status["recogniser"]}
    report = Report("telephone", options, samples=[row for rows in found.values() for row in rows])
    report.samples += [{"transport": way, "heard": texts} for way, texts in heard.items()]
    for measured in CONVERSATION:
        add_difference(report, found, measured, "8 kHz", median=ADDED_MS)
    wrong = {way: _wrong(texts) for way, texts in heard.items()}
    for way, percent in wrong.items():
        report.add(
            f"words heard wrong, {len(REFERENCE_TRANSCRIPTS)} recordings, {way}", "%", [percent]
        )
    more = round(wrong["8 kHz"] - wrong["24 kHz"], 1)
    report.add("  more words wrong at 8 kHz", "points", [more], max=MORE_WRONG)
    add_notes(report, found)
    return report


def _wrong(heard: list[str]) -> float:
    said = [normalised(text) for text in REFERENCE_TRANSCRIPTS.values()]
    return round(word_error_rate(said, [normalised(text) for text in heard]), 1)


def understood(log: ConversationLog) -> bool:
    """Whether everything that was begun to be said is over and has its transcript."""
    told = len(log.heard) + log.count(f"{TRANSCRIPTION}.failed")
    begun, over = (
        log.count(f"input_audio_buffer.speech_{each}") for each in ("started", "stopped")
    )
    return begun == over and log.count("input_audio_buffer.committed") == told


async def run_users(plan: Plan, step: Step) -> list[str]:
    """Says each recording; returns what was heard of each, in the order of their words."""
    preload(REFERENCE_TRANSCRIPTS, plan)
    texts: list[str] = []
    async with meet(plan, events=True) as user:
        update: dict[str, Any] = {"type": "transcription"}
        await user.client.send({"type": "session.update", "session": update})
        await asyncio.sleep(SETTLE_S)
        log = user.client.log
        for name in REFERENCE_TRANSCRIPTS:
            before = len(log.heard)
            spoken = user.microphone_feed.say(clip(name, user.client.rate))
            await spoken.finished
            await asyncio.sleep(AFTER_S)
            with suppress(TimeoutError):  # a late transcript is not one of the next recording
                await user.client.wait_for(lambda: understood(log), ANSWER_S)
            texts.append(" ".join(each.text for each in log.heard[before:]))
        step()
    return texts
