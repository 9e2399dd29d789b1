"""The voice stage: clauses in, a reply's audio out, one Triton request per clause."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from frontend.core.errors import ModelBusy, ModelRejected, TritonError, VdxError
from frontend.core.events import Clause, SpeechChunk
from frontend.speech.replyaudio import ReplyAudio

BUSY_RETRIES = 5
BUSY_DELAY_S = 0.05


@dataclass(frozen=True, slots=True)
class Voice:
    """Which model speaks, and how; `speaker` and `language` may be empty, `speed` 0.5 to 2.0."""

    model: str
    language: str = ""
    speaker: str = ""
    speed: float = 1.0


Synthesize = Callable[[Voice, str], AsyncGenerator[SpeechChunk, None]]
"""Streams one clause; closing the iterator cancels the synthesis."""


async def speak(
    clauses: AsyncIterator[Clause],
    voice: Callable[[], Voice],
    synthesize: Synthesize,
    audio: ReplyAudio,
    report: Callable[[VdxError], None],
) -> None:
    """Speaks clause after clause into `audio`, never further ahead than it allows.

    The voice is asked for anew at every clause, which is what lets it be swapped in mid-reply.
    A clause the model rejects is reported and left out; any other failure ends the reply.

    Raises:
        TritonError: the voice failed; `audio` is finished with the error.
    """
    try:
        async for clause in clauses:
            await audio.begin_clause(clause)
            try:
                await _speak_clause(clause, voice, synthesize, audio)
            except ModelRejected as error:
                report(error)
    except TritonError as error:
        audio.finish(error)
        raise
    audio.finish()


async def _speak_clause(
    clause: Clause,
    voice: Callable[[], Voice],
    synthesize: Synthesize,
    audio: ReplyAudio,
) -> None:
    for attempt in range(BUSY_RETRIES + 1):
        try:
            async with aclosing(synthesize(voice(), clause.text)) as chunks:
                async for chunk in chunks:
                    await audio.put(chunk)
            return
        except ModelBusy:
            # Busy is answered before any audio, so asking again repeats nothing.
            if attempt == BUSY_RETRIES:
                raise
            await asyncio.sleep(BUSY_DELAY_S * 2**attempt)
