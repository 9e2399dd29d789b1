"""The output side of a session: the reply under way, its history item, what the person is told."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from vdx.core.audio import SPEAK_RATE
from vdx.core.config import Config
from vdx.core.errors import VdxError
from vdx.core.events import Message, Pcm
from vdx.core.metrics import INTERRUPTIONS, REPLIES, TURNS
from vdx.dialog.history import History, Item
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.reply import Reply, ReplyParts
from vdx.dialog.session_events import (
    PlayoutPaused,
    PlayoutResumed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ReplyStatus,
    SessionEvent,
    TurnTimed,
)
from vdx.dialog.trace import TurnTrace
from vdx.dialog.turn_events import ReplyAudible, ReplyEnded, TurnEvent
from vdx.speech.output.reply_audio import ClauseSpan
from vdx.speech.output.tts import Recover, Synthesize, Voice
from vdx.speech.text.responder import FixedText, Responder


class Audience(Protocol):
    """Whoever listens to a session: its transport. Calls come on the event loop."""

    def notify(self, notice: SessionEvent) -> None:
        """Takes a notice at once; must not block."""

    async def play(self, reply: int, row: Pcm, due: float) -> None:
        """Delivers one frame (int16 [960], 48 kHz); may block while the reader is slow.

        It should leave at `due`, on the session's clock; how much later it does is pacing error.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """What a session borrows from the process it lives in.

    `recognise` opens a sequence for a session id; `calibrated` says whether a recogniser's
    words alone may confirm an interruption; `lead_ms` is the transport's own, if it has one;
    `transport` names it in the log. `recover_voice` and `recover_recogniser` wait for a model
    that died, or name another.
    """

    config: Config
    synthesize: Synthesize
    recognise: Callable[[SessionOptions, str], Any]
    calibrated: Callable[[str], bool]
    responder: Callable[[SessionOptions], Responder]
    lead_ms: Callable[[], int] | None = None
    transport: str = "websocket"
    recover_voice: Recover | None = None
    recover_recogniser: Callable[[SessionOptions, VdxError], Awaitable[bool]] | None = None


Work = Callable[[], Coroutine[Any, Any, None]]
Broke = Callable[[VdxError], None]


class SpeakingHost(Protocol):
    """The session, as its output side sees it."""

    options: SessionOptions
    history: History

    def reply_item(self, reply: int) -> str: ...
    def spawn(self, work: Work, name: str, broke: Broke) -> asyncio.Task[None] | None: ...
    def handle(self, event: TurnEvent) -> None: ...
    def trouble(self, error: VdxError) -> None: ...


class Speaking:
    """Holds at most one reply, prepared or sounding; told what to do by the turn machine."""

    def __init__(
        self,
        host: SpeakingHost,
        services: Services,
        audience: Audience,
        trace: TurnTrace,
        clock: Callable[[], float],
        played: Callable[[Pcm, float], None],
    ) -> None:
        self._played = played
        self._host = host
        self._services = services
        self._audience = audience
        self._trace = trace
        self._clock = clock
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, number: int, heard: str = "", instructions: str = "", say: str = "") -> None:
        """Begins a silent reply to the history, plus `heard` when it is not in there yet.

        `instructions` count for this reply alone; `say` is spoken instead of an answer.
        """
        self._trace.restart_reply()
        options, config = self._host.options, self._services.config
        messages = self._host.history.messages(heard)
        if instructions:
            messages = [Message("system", instructions), *messages]
        parts = ReplyParts(
            responder=lambda: FixedText(say) if say else self._services.responder(options),
            voice=self._voice,
            synthesize=self._services.synthesize,
            clauses=config.clauses,
            language=options.language,
            playout=config.playout,
            clauses_ahead=config.tts.clauses_ahead,
            max_text_bytes=config.session.max_item_text_bytes,
            apology=options.responder.apology,
            clock=self._clock,
            lead_ms=self._services.lead_ms,
            recover=self._services.recover_voice,
        )
        reply = self._reply = Reply(number, messages, parts, self, self._play)
        self._task = self._host.spawn(reply.run, f"reply-{number}", partial(self._broke, reply))

    async def _play(self, reply: int, row: Pcm, due: float) -> None:
        self._played(row, due)
        await self._audience.play(reply, row, due)

    def release(self) -> None:
        """The reply is meant to be heard: it becomes an item of the history and sounds."""
        reply = self._live()
        reply.promised = True
        item_id = self._host.reply_item(reply.number)
        spans = reply.audio.spans
        self._host.history.put(Item(item_id, "assistant", status="in_progress", spans=spans))
        self._audience.notify(ReplyStarted(reply.number))
        reply.playout.release()

    def pause(self) -> None:
        reply = self._live()
        reply.playout.pause()
        played = _ms(reply.playout.played_samples)
        self._audience.notify(PlayoutPaused(reply.number, played))

    def resume(self) -> None:
        reply = self._live()
        played = _ms(reply.playout.played_samples)
        reply.playout.resume()
        INTERRUPTIONS.labels("resumed").inc()
        self._audience.notify(PlayoutResumed(reply.number, played))

    def cancel(self, reason: str) -> None:
        """Ends the reply; what was played stays in the history."""
        reply = self._live()
        if reason == "interrupted":
            INTERRUPTIONS.labels("confirmed").inc()
        self.drop()
        self._close(reply, "cancelled", reason, None)

    def drop(self) -> None:
        """Cancels the reply's task, which stops the computation in Triton."""
        if self._task is not None:
            self._task.cancel()
        self._reply = self._task = None

    def _close(
        self, reply: Reply, status: ReplyStatus, reason: str, error: VdxError | None
    ) -> None:
        played = reply.playout.played_samples
        text = self._host.history.close_spoken(
            self._host.reply_item(reply.number),
            reply.source,
            played,
            complete=status == "completed",
        )
        REPLIES.labels(status).inc()
        self._audience.notify(ReplyDone(reply.number, status, reason, _ms(played), text, error))

    def _live(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the turn machine decided about a reply that does not exist")
        return self._reply

    def _voice(self) -> Voice:
        options = self._host.options
        return Voice(options.voice, options.language, options.speaker, options.speed)

    # --- reported by the reply --------------------------------------------------------------

    def on_text(self, reply: Reply) -> None:
        self._mark(reply, "first_text")

    def on_voiced(self, reply: Reply) -> None:
        self._mark(reply, "first_voice")

    def on_audible(self, reply: Reply) -> None:
        self._mark(reply, "first_audio")
        self._host.handle(ReplyAudible(reply.number))
        if (timed := self._trace.finish()) is not None:
            TURNS.inc()
            self._audience.notify(TurnTimed(reply.number, *timed))

    def on_clause(self, reply: Reply, span: ClauseSpan) -> None:
        if span.continued:
            return  # its text was told when its beginning sounded
        clause = span.clause
        text = reply.source[clause.source_start : clause.source_end]
        self._audience.notify(ReplyClause(reply.number, text))

    def on_ended(self, reply: Reply, error: VdxError | None) -> None:
        if reply is not self._reply:
            return
        self._reply = self._task = None
        if reply.promised:
            self._close(reply, "failed" if error else "completed", "", error)
        self._host.handle(ReplyEnded(reply.number, failed=error is not None))

    def on_trouble(self, error: VdxError) -> None:
        self._host.trouble(error)

    def _broke(self, reply: Reply, error: VdxError) -> None:
        self._host.trouble(error)
        self.on_ended(reply, error)

    def _mark(self, reply: Reply, stage: str) -> None:
        if reply is self._reply:
            self._trace.mark(stage, self._clock())


def _ms(speak_samples: int) -> int:
    return speak_samples * 1000 // SPEAK_RATE
