"""The voice stage: clauses in, a reply's audio out, one Triton request per clause."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from frontend.core.errors import ModelBusy, ModelRejected, VdxError
from frontend.core.events import Clause, SpeechChunk
from frontend.speech.replyaudio import ReplyAudio

BUSY_DELAYS_S = (0.05, 0.1, 0.2, 0.4, 0.8)


@dataclass(frozen=True, slots=True)
class Voice:
    """Which model speaks, and how; `speaker` and `language` may be empty, `speed` 0.25 to 4.0."""

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
        VdxError: the voice failed; `audio` is finished with the error.
    """
    try:
        async for clause in clauses:
            await audio.begin_clause(clause)
            try:
                await _speak_clause(clause, voice, synthesize, audio)
            except ModelRejected as error:
                audio.end_clause(complete=False)
                report(error)
            else:
                audio.end_clause()
    except VdxError as error:
        audio.finish(error)
        raise
    audio.finish()


async def _speak_clause(
    clause: Clause,
    voice: Callable[[], Voice],
    synthesize: Synthesize,
    audio: ReplyAudio,
) -> None:
    """One clause; a busy model is asked again, as long as nothing of the clause has sounded."""
    for delay in BUSY_DELAYS_S:
        try:
            return await _stream(synthesize(voice(), clause.text), audio)
        except ModelBusy:
            if audio.spans[-1].frames:
                raise
            await asyncio.sleep(delay)
    return await _stream(synthesize(voice(), clause.text), audio)


async def _stream(chunks: AsyncGenerator[SpeechChunk, None], audio: ReplyAudio) -> None:
    async with aclosing(chunks):
        async for chunk in chunks:
            await audio.put(chunk)
