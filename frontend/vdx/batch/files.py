"""Speech to and from files: speaks a whole text, transcribes a whole recording."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import Any, Protocol

import numpy as np

from vdx.batch.cutting import JOINED, LONGEST, Stretch
from vdx.batch.recording import Recording
from vdx.batch.stretches import stretches
from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE
from vdx.core.config import ClauseConfig, VadConfig
from vdx.core.errors import InvalidInput, ModelFailed, ModelTimeout
from vdx.core.events import Clause, Pcm, SpeechChunk, Transcript, TranscriptKind, Word
from vdx.core.threads import cancel_all
from vdx.serving.busy_retry import retry_busy
from vdx.serving.models import ModelInfo
from vdx.serving.triton import SynthesisRequest, TritonClient
from vdx.speech.output.tts import Voice
from vdx.speech.text.clause_slices import chunker_for, cut_pieces, finish, slices
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.pronunciation import in_phonemes
from vdx.speech.text.sounds import SoundTags

AT_ONCE = 1
"""Stretches of one recording understood at the same time by a model that decodes one by one: the
other cores are for who is talking."""
AHEAD = 1
"""Stretches cut beforehand, so that no recogniser waits for the next one."""
BATCHED = 13 * LISTEN_RATE
"""Samples of a stretch for a model that decodes batches: several short windows cost less than one
long one, whose self-attention grows with the square of its length."""
BATCH_JOINED = 8 * LISTEN_RATE
"""And up to which it takes in more, because a window is paid for whole."""
TIME_FACTOR = 10
"""How many times its own length a stretch may take: a recording competes with live speech."""
BUSY_S = 0.2
"""Until a recogniser with no place free is asked again."""

Listen = Callable[[Stretch], Awaitable[None]]
Progress = Callable[[float, float], None]
"""Called with how much is done and how much there is in all: seconds of a recording, or characters
of a text."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The transcript of one stretch of speech; times in ms from the start of the recording.

    `confidence` is 0 to 1; `words` is empty where the recogniser tells no times; `channel` counts
    from 0. `language`, a BCP-47 tag, is empty where the recogniser does not tell it, `speaker`
    where nobody looks who it is. `label` is what subtitles call who speaks, where they do.
    """

    start_ms: int
    end_ms: int
    text: str
    confidence: float = 0.0
    words: tuple[Word, ...] = ()
    channel: int = 0
    language: str = ""
    speaker: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """How a recording is written down.

    `language` is a BCP-47 tag, empty: the recogniser finds out. `translate`: into English, by a
    recogniser that can. `split`: each channel is a side of its own. `listen` is given each stretch
    in which something was understood.
    """

    language: str = ""
    translate: bool = False
    split: bool = False
    listen: Listen | None = None


AS_HEARD = TranscriptionOptions()


class Synthesizer(Protocol):
    """The part of `TritonClient` that speaks."""

    async def describe(self, model: str, /) -> ModelInfo: ...
    def synthesize(
        self, model: str, request: SynthesisRequest
    ) -> AsyncGenerator[SpeechChunk, None]: ...


async def speak_text(
    client: Synthesizer,
    voice: Voice,
    text: str,
    clauses: ClauseConfig,
    *,
    progress: Progress | None = None,
    pronunciation: Mapping[str, str] | None = None,
) -> AsyncGenerator[Pcm, None]:
    """Speaks a text of any length; yields int16 48 kHz mono pieces as they are made.

    `progress` is called after every clause. `pronunciation` says how some words are spoken, in
    phonemes to a voice that takes them; another reads these as they are written. Tags of sounds
    that the voice does not make are left out.

    Raises:
        InvalidInput: there is nothing in the text to speak.
        TritonError: the voice failed.
    """
    spoken, said = False, 0
    info = None
    if not voice.language or "[" in text or "<" in text:
        info = await client.describe(voice.model)
    language = voice.language or (info.language() if info else "") or "en"
    chunker = await chunker_for(clauses, language, pronunciation)
    tags = SoundTags(lambda: info.sounds if info else frozenset())
    async with aclosing(_clauses(text, chunker, tags)) as found:
        async for clause in found:
            request = SynthesisRequest(
                await _text_for(client, voice, clause),
                voice.language,
                voice.speaker,
                voice.speed,
                voice.reference,
                voice.reference_text,
            )
            ask = partial(client.synthesize, voice.model, request)
            async with aclosing(retry_busy(ask)) as chunks:
                async for chunk in chunks:
                    spoken = True
                    yield chunk.audio.reshape(-1)
            said = min(said + len(clause.text), len(text))
            if progress is not None:
                progress(said, len(text))
    if not spoken:
        raise InvalidInput(f"there is nothing to speak in {text!r:.100}", param="input")
    if progress is not None:  # what is not spoken, such as markup, is counted too
        progress(len(text), len(text))


async def _text_for(client: Synthesizer, voice: Voice, clause: Clause) -> str:
    if clause.phonemes and (await client.describe(voice.model)).takes_phonemes(voice.language):
        return in_phonemes(clause)[0]
    return clause.voice_text


async def _clauses(
    text: str, chunker: ClauseChunker, tags: SoundTags
) -> AsyncGenerator[Clause, None]:
    async with aclosing(slices(text)) as parts:
        async for part in parts:
            for clause in cut_pieces(tags.feed(part), chunker):
                yield clause
    for clause in cut_pieces(tags.finish(), chunker):
        yield clause
    async with aclosing(finish(chunker)) as found:
        async for clause in found:
            yield clause


async def transcribe(
    client: TritonClient,
    model: str,
    recording: Recording,
    vad: VadConfig,
    *,
    options: TranscriptionOptions = AS_HEARD,
    at_once: int = 0,
    places: asyncio.Semaphore | None = None,
    progress: Progress | None = None,
) -> AsyncGenerator[Segment, None]:
    """Transcribes a recording, stretch after stretch; one recogniser sequence for each.

    The stretches are one SESSION to the recogniser. Up to `at_once` are understood at the same
    time (0 asks the model), which fills one that decodes in batches; segments still come in the
    order of the recording. `places` limits that over several recordings. Stretches in which
    nothing is understood are left out.

    Raises:
        InvalidInput: the recording is broken.
        TritonError: the recogniser failed.
    """
    total, session = recording.seconds, secrets.token_hex(8)
    batch = (await client.describe(model)).batch
    if not at_once:
        # Two batches, so that the next one waits when a model has several threads.
        at_once = 2 * batch if batch > 1 else AT_ONCE
    lengths = (BATCHED, BATCH_JOINED) if batch > 1 else (LONGEST, JOINED)
    turns = asyncio.Semaphore(at_once)

    async def write_down(stretch: Stretch) -> Segment:
        async with turns, places or nullcontext():
            segment = await _write_down(client, model, stretch, (options, session))
            if options.listen is not None and segment.text:
                await options.listen(stretch)
            return segment

    async with aclosing(
        _in_order(
            stretches(recording, vad, *lengths, split=options.split), write_down, at_once + AHEAD
        )
    ) as segments:
        async for segment in segments:
            if progress is not None:
                progress(min(segment.end_ms / 1000, total), total)
            if segment.text:
                yield segment
    if progress is not None:
        progress(total, total)


async def _in_order(
    found: AsyncGenerator[Stretch, None],
    write_down: Callable[[Stretch], Awaitable[Segment]],
    ahead: int,
) -> AsyncGenerator[Segment, None]:
    """The result for every stretch, in order, each as soon as it is there; `ahead` are under way.

    If the recording breaks, the results before that are still yielded.
    """
    # `room` bounds the queue, so that putting never waits: not even when all is being given up.
    room = asyncio.Semaphore(ahead)
    under_way: asyncio.Queue[asyncio.Future[Segment] | None] = asyncio.Queue(ahead + 1)
    tasks: set[asyncio.Future[Segment]] = set()

    async def cut() -> None:
        try:
            async with aclosing(found):
                async for stretch in found:
                    await room.acquire()
                    task = asyncio.ensure_future(write_down(stretch))
                    tasks.add(task)
                    under_way.put_nowait(task)
        finally:
            under_way.put_nowait(None)

    cutter = asyncio.create_task(cut(), name="cutter")
    try:
        while (task := await under_way.get()) is not None:
            segment = await task
            tasks.discard(task)
            room.release()
            yield segment
        await cutter
    finally:
        await cancel_all(cutter, *tasks)


async def _write_down(
    client: TritonClient, model: str, stretch: Stretch, who: tuple[TranscriptionOptions, str]
) -> Segment:
    audio = np.pad(stretch.padded, (0, -stretch.padded.size % LISTEN_FRAME))
    limit_s = client.config.final_transcript_timeout_ms / 1000
    limit_s += TIME_FACTOR * audio.size / LISTEN_RATE
    try:
        async with asyncio.timeout(limit_s):
            heard = await _recognise(client, model, audio, who)
    except TimeoutError:
        raise ModelTimeout(f"{model} took over {limit_s:.0f} s", model=model) from None
    origin = (stretch.start - stretch.before) * 1000 // LISTEN_RATE
    text = heard.text.strip()
    return Segment(
        start_ms=stretch.start * 1000 // LISTEN_RATE,
        end_ms=stretch.end * 1000 // LISTEN_RATE,
        text=text,
        confidence=heard.confidence,
        words=tuple(_later(word, origin, stretch) for word in in_text(heard.words, text)),
        channel=stretch.channel,
        language=heard.language,
    )


def in_text(words: Iterable[Word], text: str) -> Iterator[Word]:
    """The words of a transcript with the place of each in its text, which recognisers do not tell.

    Where the text has another spelling, such as digits, a word gets the empty range at the end of
    the word before it.
    """
    at = 0
    for word in words:
        found = text.find(word.word.strip(), at)
        start = at if found < 0 else found
        at = start if found < 0 else start + len(word.word.strip())
        yield replace(word, char_start=start, char_end=at)


def _later(word: Word, ms: int, stretch: Stretch) -> Word:
    """In the time of the recording, none of it in the silence put around the stretch."""
    first, last = (position * 1000 // LISTEN_RATE for position in (stretch.start, stretch.end))
    start, end = (min(max(at + ms, first), last) for at in (word.start_ms, word.end_ms))
    return replace(word, start_ms=start, end_ms=end)


async def _recognise(
    client: TritonClient, model: str, audio: Pcm, who: tuple[TranscriptionOptions, str]
) -> Transcript:
    """The final transcript; a model whose places are all taken is asked until it has one."""
    ask = partial(_final, client, model, audio, who)
    async with aclosing(retry_busy(ask, repeat(BUSY_S))) as finals:
        async for transcript in finals:
            return transcript
    raise ModelFailed(f"{model} ended without a final transcript", model=model)


async def _final(
    client: TritonClient, model: str, audio: Pcm, who: tuple[TranscriptionOptions, str]
) -> AsyncGenerator[Transcript, None]:
    """Yields the final transcript, where one comes."""
    options, session = who
    more: dict[str, Any] = {"translate": True} if options.translate else {}
    async with client.recognise(
        model, language=options.language, session=session, **more
    ) as stream:
        # In one request: a recogniser can judge the microphone by all of it before it listens.
        await stream.send(audio.tobytes(), end=True)
        async with aclosing(aiter(stream)) as transcripts:
            async for transcript in transcripts:
                if transcript.kind is TranscriptKind.FINAL:
                    yield transcript
                    return
