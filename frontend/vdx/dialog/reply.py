"""One reply: responder, clauses, voice and playout in one task; cancelling it ends them all."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from vdx.core.audio import SPEAK_RATE
from vdx.core.config import ClauseConfig, PlayoutConfig
from vdx.core.errors import ResponderError, VdxError
from vdx.core.events import (
    Clause,
    Message,
    Pcm,
    ReplyEnded,
    ResponderStarted,
    StageEvent,
    StageFailed,
)
from vdx.core.json_input import utf8_size
from vdx.core.tracing import stage_span
from vdx.dialog.ids import ReplyIds
from vdx.dialog.reply_request import AS_SESSION
from vdx.dialog.written_output import WrittenOutput
from vdx.speech.output.playout import Playout
from vdx.speech.output.reply_audio import ReplyAudio
from vdx.speech.output.tts import Recover, Speaker, Synthesize, Voice, speak
from vdx.speech.text.clause_slices import chunker_for, cut_pieces, finish, slices
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.responder import Responder
from vdx.speech.text.sounds import Piece, SoundTags

BYTES_PER_TOKEN = 4
"""Of text, about, in any model: vdx has no tokenizer of the responder's."""
CLAUSES_QUEUED = 32
"""Clauses that a responder may be ahead of the voice, which waits for the listener."""


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """What a reply is made with.

    `voice` is called for every clause; `clock` is in seconds; `lead_ms` replaces
    `playout.output_lead_ms` where a transport has a lead of its own. With `write` the reply is
    written: its pieces go there, and no voice speaks them. It ends after `max_tokens`. Before the
    first clause is spoken `voice_ready` is waited for.
    `pronunciation` says how some words are spoken, in phonemes to voices that take them. `sounds`
    tells the tags of the sounds that a voice makes.
    """

    responder: Responder
    voice: Callable[[], Voice]
    synthesize: Synthesize
    clauses: ClauseConfig
    language: str
    playout: PlayoutConfig
    clauses_ahead: int
    max_text_bytes: int
    apology: str
    clock: Callable[[], float]
    lead_ms: Callable[[], int] | None = None
    recover: Recover | None = None
    write: Callable[[str], None] | None = None
    max_tokens: int | None = None
    voice_ready: Callable[[], Awaitable[None]] | None = None
    pronunciation: Mapping[str, str] = field(default_factory=dict)
    takes_phonemes: Callable[[Voice], bool] | None = None
    sounds: Callable[[Voice], frozenset[str]] | None = None


class Reply:
    """Runs from the messages it answers to the last frame played; silent until it is released.

    `emit` takes the events of all its stages, ReplyEnded as the last one. `send` delivers a frame
    as `Playout` says.
    """

    def __init__(
        self,
        ids: ReplyIds,
        messages: list[Message],
        parts: ReplyParts,
        emit: Callable[[StageEvent], None],
        send: Callable[[Pcm, float], Awaitable[None]],
    ) -> None:
        self.ids = ids
        self.source = ""
        """The responder's text so far, without sounds that its voice does not make, followed by an
        apology where it failed."""
        self.released = False
        """It was begun for the user; until then it may be dropped without an event."""
        self.own = AS_SESSION
        """What the client asked for of this reply alone."""
        self.audio = ReplyAudio(parts.clauses_ahead, ids.number, emit)
        self.cut = False
        """It was ended at `max_tokens`."""
        self.prompt_bytes = sum(utf8_size(message.text) for message in messages)
        self._size = 0  # of what the responder gave, in bytes
        self._sounds = SoundTags(self._makes)
        self._started = False  # the responder gave something
        self._messages = messages
        self._parts = parts
        self._emit = emit
        self._failure: VdxError | None = None
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue(CLAUSES_QUEUED)
        self.written = parts.write and WrittenOutput(ids.number, parts.write, emit)
        self.playout = self.written or Playout(
            self.audio, ids.number, send, emit, parts.playout, parts.clock, parts.lead_ms
        )

    async def run(self) -> None:
        """Returns when the reply was played or failed; cancelling it cancels its synthesis."""
        number = self.ids.number
        if isinstance(self.playout, WrittenOutput):
            await self._respond()
            await self.playout.finish()
            self._emit(ReplyEnded(number, self._failure))
            return
        async with asyncio.TaskGroup() as group:
            responding = group.create_task(self._respond(), name=f"reply-{number}-responder")
            group.create_task(self._voice(responding), name=f"reply-{number}-voice")
            await self.playout.run()
        played_ms = self.playout.played_samples * 1000 // SPEAK_RATE
        self._emit(ReplyEnded(number, self._failure, played_ms))

    async def _respond(self) -> None:
        """Turns the responder's text into clauses; a failure becomes a short apology."""
        parts = self._parts
        chunker = await chunker_for(parts.clauses, parts.language, parts.pronunciation)
        try:
            with stage_span("responder"):
                await self._take_answer(chunker)
        except VdxError as error:
            self._failure = error
            self._emit(StageFailed(error))
            await self._take(f" {self._parts.apology}", chunker)
        await self._say(self._sounds.finish(), chunker)
        async with aclosing(finish(chunker)) as clauses:
            async for clause in clauses:
                await self._clauses.put(clause)
        await self._clauses.put(None)

    async def _take_answer(self, chunker: ClauseChunker) -> None:
        async with aclosing(self._parts.responder.reply(self._messages)) as deltas:
            async for delta in deltas:
                await self._take_bounded(delta, chunker)
                if self.cut:
                    break

    async def _take_bounded(self, delta: str, chunker: ClauseChunker) -> None:
        """Takes a delta up to `max_text_bytes` of the whole text; ResponderError beyond."""
        limit = self._parts.max_text_bytes
        most = self._parts.max_tokens
        wanted = limit if most is None else min(limit, most * BYTES_PER_TOKEN)
        room = wanted - self._size
        self._size += utf8_size(delta)
        if self._size <= wanted:
            return await self._take(delta, chunker)
        await self._take(delta.encode("utf-8", "replace")[:room].decode("utf-8", "ignore"), chunker)
        if wanted < limit:
            self.cut = True
            return None
        raise ResponderError(
            f"the answer has more than {limit} bytes (session.max_item_text_bytes); "
            "the rest of it was left out",
            retryable=False,
        )

    async def _take(self, delta: str, chunker: ClauseChunker) -> None:
        if delta and not self._started:
            self._started = True
            self._emit(ResponderStarted(self.ids.number))
        if self.written:
            self.source += delta
            return await self.written.send(delta)
        async with aclosing(slices(delta)) as parts:
            async for part in parts:
                await self._say(self._sounds.feed(part), chunker)
        # The next delta may be long in coming, as when the responder calls a tool.
        for clause in chunker.wait_no_longer():
            await self._clauses.put(clause)
        return None

    async def _say(self, pieces: list[Piece], chunker: ClauseChunker) -> None:
        self.source += "".join(piece.text for piece in pieces)
        for clause in cut_pieces(pieces, chunker):
            await self._clauses.put(clause)

    def _makes(self) -> frozenset[str]:
        """The sounds of its voice, as it is now."""
        parts = self._parts
        return parts.sounds(parts.voice()) if parts.sounds else frozenset()

    async def _voice(self, responding: asyncio.Task[None]) -> None:
        parts = self._parts
        apology = self._apology if parts.apology.strip() else None
        speaker = Speaker(
            parts.voice,
            parts.synthesize,
            self._emit,
            parts.recover,
            apology,
            parts.takes_phonemes,
            parts.sounds,
        )
        if parts.voice_ready is not None:
            await parts.voice_ready()
        try:
            async with aclosing(self._next_clauses()) as clauses:
                await speak(clauses, speaker, self.audio)
        except VdxError as error:
            # Playout still plays what was made; ReplyEnded carries the failure.
            self._failure = error
            self._emit(StageFailed(error))
            responding.cancel()  # its clauses are not taken any more

    def _apology(self) -> Clause:
        """The apology as a part of the reply's text, once the responder has ended."""
        start = len(self.source) + 1
        self.source += f" {self._parts.apology}"
        return Clause(self._parts.apology, start, len(self.source))

    async def _next_clauses(self) -> AsyncGenerator[Clause, None]:
        while (clause := await self._clauses.get()) is not None:
            yield clause
