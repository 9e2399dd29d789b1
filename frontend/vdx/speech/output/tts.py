"""The voice stage: clauses in, a reply's audio out, one Triton request per clause."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from vdx.core.errors import ModelRejected, VdxError
from vdx.core.events import Clause, SpeechChunk, StageFailed
from vdx.core.voice_choice import VoiceChoice
from vdx.serving.busy_retry import retry_busy
from vdx.speech.output.reply_audio import ReplyAudio
from vdx.speech.text.pronunciation import in_phonemes
from vdx.speech.text.sounds import without_sounds


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """What a person said: `audio` int16 mono at 16 kHz, and its words."""

    audio: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Voice:
    """Which model speaks, and how; `speaker` and `language` may be empty, `speed` 0.25 to 4.0.

    `style` says it in words, which a voice that takes none is not told.

    `fallback` is the one that its profile names for where it cannot speak; `reference` a recording
    whose voice is taken, int16 mono at 24 kHz, and `reference_text` what it says. `heard` is what
    it answers, for voices that hear the person.
    """

    model: str
    language: str = ""
    speaker: str = ""
    speed: float = 1.0
    fallback: VoiceChoice | None = None
    reference: bytes = b""
    reference_text: str = ""
    style: str = ""
    heard: HeardTurn | None = None


Synthesize = Callable[[Voice, str], AsyncGenerator[SpeechChunk, None]]
"""Streams one clause; closing the iterator cancels the synthesis."""

Recover = Callable[[Voice, VdxError, int], Awaitable[Voice | None]]
"""After a failure: the voice to go on with, the same one if it was restarted; None: no other.

The number counts how often this voice has failed in this clause: the text may be the cause.
"""

RECOVERIES = 3
"""How often one clause may be resumed after a failure."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a reply is spoken with; `emit` takes failures that do not end it.

    `voice` is called for every clause, so that a voice may be swapped in mid-reply.
    `apology` is spoken where the model refused every clause of the reply. Words that have phonemes
    are sent as they are written to a voice that takes none (`takes_phonemes`), tags of sounds only
    to one that makes them (`sounds`).
    """

    voice: Callable[[], Voice]
    synthesize: Synthesize
    emit: Callable[[StageFailed], None]
    recover: Recover | None = None
    apology: Callable[[], Clause] | None = None
    takes_phonemes: Callable[[Voice], bool] | None = None
    sounds: Callable[[Voice], frozenset[str]] | None = None


async def speak(clauses: AsyncIterator[Clause], speaker: Speaker, audio: ReplyAudio) -> None:
    """Speaks clause after clause into `audio`, never further ahead than it allows.

    A clause the model rejects is left out, with a StageFailed; where every clause was rejected, the
    apology is spoken and the reply fails. One whose voice failed is continued by the voice that
    `speaker.recover` returns. Any other failure ends the reply.

    Raises:
        VdxError: the voice failed; `audio` is finished with the error.
    """
    rejected: ModelRejected | None = None
    try:
        async for clause in clauses:
            await audio.begin_clause(clause)
            try:
                await _speak_clause(clause, speaker, audio)
            except ModelRejected as error:
                audio.end_clause(complete=False)
                speaker.emit(StageFailed(error))
                rejected = error
            else:
                audio.end_clause()
        if rejected is not None and not audio.spans:
            await _apologise(speaker, audio)
            raise ModelRejected(
                f"the voice refused every clause of the reply: {rejected}", model=rejected.model
            )
    except VdxError as error:
        audio.finish(error)
        raise
    audio.finish()


async def _speak_clause(clause: Clause, speaker: Speaker, audio: ReplyAudio) -> None:
    """Speaks one clause, resumed up to RECOVERIES times where its voice fails.

    That another voice speaks the rest is told once, with what the first one failed of.
    """
    voice, failures = speaker.voice(), Counter[Voice]()
    rest, is_told = clause, False
    for attempt in range(RECOVERIES + 1):
        try:
            await _ask(rest, voice, speaker, audio)
        except VdxError as error:
            if speaker.recover is None or attempt == RECOVERIES:
                raise
            failures[voice] += 1
            if (other := await speaker.recover(voice, error, failures[voice])) is None:
                raise
            if other != voice and not is_told:
                is_told = True
                speaker.emit(StageFailed(error))
            speed, voice = voice.speed, other
            if (unspoken := audio.break_off(speed)) is None:
                return
            rest = unspoken
        else:
            return


async def _apologise(speaker: Speaker, audio: ReplyAudio) -> None:
    """Speaks the apology, with the model's default speaker where it refuses the chosen one."""
    if speaker.apology is None:
        return
    clause, voice = speaker.apology(), speaker.voice()
    for attempt in dict.fromkeys((voice, replace(voice, speaker=""))):
        await audio.begin_clause(clause)
        try:
            await _ask(clause, attempt, speaker, audio)
        except ModelRejected:  # the rejection of the reply's clauses was emitted already
            audio.end_clause(complete=False)
        else:
            audio.end_clause()
            return


async def _ask(clause: Clause, voice: Voice, speaker: Speaker, audio: ReplyAudio) -> None:
    """A busy model is asked again, as long as nothing of the clause has come."""
    if clause.sounds:
        makes = speaker.sounds(voice) if speaker.sounds else frozenset[str]()
        clause = without_sounds(clause, makes)
        if not clause.text.strip():
            return
    takes = speaker.takes_phonemes
    in_ipa = clause.phonemes and takes is not None and takes(voice)
    text, written = in_phonemes(clause) if in_ipa else (clause.voice_text, None)
    async with aclosing(retry_busy(lambda: speaker.synthesize(voice, text))) as chunks:
        async for chunk in chunks:
            words = chunk.words if written is None else tuple(map(written, chunk.words))
            await audio.put(replace(chunk, words=words))
