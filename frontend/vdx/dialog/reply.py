"""One reply: responder, clauses, voice and playout as one task that can be dropped whole."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from vdx.core.config import ClauseConfig, PlayoutConfig
from vdx.core.errors import ResponderError, VdxError
from vdx.core.events import Clause, Message, Pcm
from vdx.core.json_input import utf8_size
from vdx.speech.output.playout import Playout
from vdx.speech.output.reply_audio import ClauseSpan, ReplyAudio
from vdx.speech.output.tts import Recover, Speaker, Synthesize, Voice, speak
from vdx.speech.text.clause_slices import cut
from vdx.speech.text.clauses import ClauseChunker
from vdx.speech.text.responder import Responder

CLAUSES_QUEUED = 32
"""Text a responder may be ahead of the voice; bounded, and far more than a person hears."""


class ReplyObserver(Protocol):
    """Told on the event loop; `reply` identifies which one speaks."""

    def on_text(self, reply: "Reply") -> None: ...
    def on_voiced(self, reply: "Reply") -> None: ...
    def on_audible(self, reply: "Reply") -> None: ...
    def on_clause(self, reply: "Reply", span: ClauseSpan) -> None: ...
    def on_ended(self, reply: "Reply", error: VdxError | None) -> None: ...
    def on_trouble(self, error: VdxError) -> None: ...


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """What a session lends to each of its replies; `responder` may refuse with a VdxError."""

    responder: Callable[[], Responder]
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


class Reply:
    """Runs from the messages it answers to the last frame played; starts held (silent)."""

    def __init__(
        self,
        number: int,
        messages: list[Message],
        parts: ReplyParts,
        observer: ReplyObserver,
        send: Callable[[int, Pcm, float], Awaitable[None]],
    ) -> None:
        self.number = number
        self.source = ""
        self._size = 0  # of what the responder gave, in bytes
        self.promised = False
        """The turn machine said that it is to be heard; until then it may be dropped untold."""
        self.audio = ReplyAudio(parts.clauses_ahead, on_first=lambda: observer.on_voiced(self))
        self._messages = messages
        self._parts = parts
        self._observer = observer
        self._failure: VdxError | None = None
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue(CLAUSES_QUEUED)
        play = partial(send, number)
        self.playout = Playout(self.audio, play, self, parts.playout, parts.clock, parts.lead_ms)

    def on_audible(self) -> None:
        self._observer.on_audible(self)

    def on_clause(self, span: ClauseSpan) -> None:
        self._observer.on_clause(self, span)

    async def run(self) -> None:
        """Returns when the reply was played or broke; cancelling it stops the voice's server."""
        async with asyncio.TaskGroup() as group:
            thinking = group.create_task(self._think(), name=f"reply-{self.number}-responder")
            group.create_task(self._voice(thinking), name=f"reply-{self.number}-voice")
            await self.playout.run()
        self._observer.on_ended(self, self._failure)

    async def _think(self) -> None:
        """Turns the responder's text into clauses; a failure becomes a short apology."""
        chunker = ClauseChunker(self._parts.clauses, self._parts.language)
        try:
            async with aclosing(self._parts.responder().reply(self._messages)) as deltas:
                async for delta in deltas:
                    await self._take_bounded(delta, chunker)
        except VdxError as error:
            self._failure = error
            self._observer.on_trouble(error)
            await self._take(f" {self._parts.apology}", chunker)
        for clause in chunker.finish():
            await self._clauses.put(clause)
        await self._clauses.put(None)

    async def _take_bounded(self, delta: str, chunker: ClauseChunker) -> None:
        """Takes what there is room for; ResponderError where that is not all."""
        limit = self._parts.max_text_bytes
        room = limit - self._size
        self._size += utf8_size(delta)
        if self._size <= limit:
            return await self._take(delta, chunker)
        await self._take(delta.encode("utf-8", "replace")[:room].decode("utf-8", "ignore"), chunker)
        raise ResponderError(
            f"the answer has more than {limit} bytes (session.max_item_text_bytes); "
            "the rest of it was left out",
            retryable=False,
        )

    async def _take(self, delta: str, chunker: ClauseChunker) -> None:
        if delta and not self.source:
            self._observer.on_text(self)
        self.source += delta
        async with aclosing(cut(delta, chunker)) as clauses:
            async for clause in clauses:
                await self._clauses.put(clause)

    async def _voice(self, thinking: asyncio.Task[None]) -> None:
        parts, report = self._parts, self._observer.on_trouble
        apology = self._apology if parts.apology.strip() else None
        speaker = Speaker(parts.voice, parts.synthesize, report, parts.recover, apology)
        try:
            async with aclosing(self._next_clauses()) as clauses:
                await speak(clauses, speaker, self.audio)
        except VdxError as error:
            # The playout still plays what was made; `on_ended` tells of the failure.
            self._failure = error
            self._observer.on_trouble(error)
            thinking.cancel()  # nobody takes its clauses any more

    def _apology(self) -> Clause:
        """The apology as a part of the reply's text, once the responder has ended."""
        start = len(self.source) + 1
        self.source += f" {self._parts.apology}"
        return Clause(self._parts.apology, start, len(self.source))

    async def _next_clauses(self) -> AsyncGenerator[Clause, None]:
        while (clause := await self._clauses.get()) is not None:
            yield clause
