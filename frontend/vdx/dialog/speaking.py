"""The output side of a session: the reply under way and its history item."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from vdx.core.audio import SPEAK_RATE
from vdx.core.errors import VdxError
from vdx.core.events import (
    ClauseStarted,
    Message,
    Pcm,
    ReplyEnded,
    ReplyPaused,
    StageEvent,
    StageFailed,
)
from vdx.core.metrics import INTERRUPTIONS, REPLIES
from vdx.dialog.history import History, Item
from vdx.dialog.ids import ReplyIds, SessionIds
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.reply import Reply, ReplyParts
from vdx.dialog.services import Services
from vdx.dialog.session_events import (
    PlayoutPaused,
    PlayoutResumed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ReplyStatus,
    SessionEvent,
)
from vdx.dialog.tasks import SessionTasks
from vdx.dialog.transport import OutputFrame
from vdx.speech.output.tts import Voice
from vdx.speech.text.responder import FixedText, Responder


class Speaking:
    """Holds at most one reply, prepared or playing; the turn machine decides what it does.

    `options` gives the session's settings as they are now; `play` sends a frame to the user.
    """

    def __init__(
        self,
        services: Services,
        options: Callable[[], SessionOptions],
        history: History,
        ids: SessionIds,
        tasks: SessionTasks,
        emit: Callable[[StageEvent | SessionEvent], None],
        play: Callable[[OutputFrame], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._services = services
        self._options = options
        self._history = history
        self._ids = ids
        self._tasks = tasks
        self._emit = emit
        self._play = play
        self._clock = clock
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def apology(self) -> str:
        """What is said where the user could not be answered."""
        return self._options().responder.apology

    def has(self, reply: int) -> bool:
        """Whether this is the reply under way; events of another one are out of date."""
        return self._reply is not None and self._reply.ids.number == reply

    def start(
        self, number: int, transcript: str = "", instructions: str = "", say: str = ""
    ) -> None:
        """Begins a silent reply to the history, and to `transcript` if it is not in there yet.

        `instructions` count for this reply alone; `say` is spoken instead of an answer.
        """
        messages = self._history.messages(transcript)
        if instructions:
            messages = [Message("system", instructions), *messages]
        ids = self._ids.reply(number)
        reply = self._reply = Reply(
            ids, messages, self._parts(say), self._emit, partial(self._send, ids)
        )

        def on_error(error: VdxError) -> None:
            self._emit(StageFailed(error))
            self._emit(ReplyEnded(number, error))

        lines = replace(self._tasks.ids, reply=number)
        self._task = self._tasks.spawn(reply.run, f"reply-{number}", on_error, lines)

    def _parts(self, say: str) -> ReplyParts:
        options, services, config = self._options(), self._services, self._services.config

        def responder() -> Responder:
            return FixedText(say) if say else services.responder(options)

        return ReplyParts(
            responder=responder,
            voice=self._voice,
            synthesize=services.synthesize,
            clauses=options.clauses,
            language=options.language,
            playout=config.playout,
            clauses_ahead=config.tts.clauses_ahead,
            max_text_bytes=config.session.max_item_text_bytes,
            apology=options.responder.apology,
            clock=self._clock,
            lead_ms=services.lead_ms,
            recover=services.recover_voice,
        )

    async def _send(self, ids: ReplyIds, pcm: Pcm, due: float) -> None:
        await self._play(OutputFrame(ids, pcm, due))

    def release(self) -> None:
        """Makes the reply an item of the history and starts its playout."""
        reply = self._current()
        reply.released = True
        spans = reply.audio.spans
        item = Item(reply.ids.item_id, "assistant", status="in_progress", spans=spans)
        self._history.put(item)
        self._emit(ReplyStarted(reply.ids))
        reply.playout.release()

    def pause(self) -> None:
        reply = self._current()
        reply.playout.pause()
        played_ms = _ms(reply.playout.played_samples)
        self._emit(PlayoutPaused(reply.ids, played_ms))
        self._emit(ReplyPaused(reply.ids.number, played_ms))

    def resume(self) -> None:
        reply = self._current()
        played = _ms(reply.playout.played_samples)
        reply.playout.resume()
        INTERRUPTIONS.labels("resumed").inc()
        self._emit(PlayoutResumed(reply.ids, played))

    def cancel(self, reason: str) -> None:
        """Ends the reply; what was played stays in the history."""
        reply = self._current()
        if reason == "interrupted":
            INTERRUPTIONS.labels("confirmed").inc()
        self.drop()
        self._close(reply, "cancelled", reason, None)

    def drop(self) -> None:
        """Cancels the reply's task, which stops the computation in Triton."""
        if self._task is not None:
            self._task.cancel()
        self._reply = self._task = None

    def finish(self, error: VdxError | None) -> None:
        """The reply was played to its end, or failed with `error`."""
        reply = self._current()
        self._reply = self._task = None
        if reply.released:
            self._close(reply, "failed" if error else "completed", "", error)

    def clause(self, event: ClauseStarted) -> ReplyClause | None:
        """The clause with its part of the responder's text; None if its reply is over."""
        reply, clause = self._reply, event.clause
        if reply is None or reply.ids.number != event.reply:
            return None
        text = reply.source[clause.source_start : clause.source_end]
        said_for_code = clause.text if clause.only_code else ""
        return ReplyClause(reply.ids, event.index, text, said_for_code)

    def _close(
        self, reply: Reply, status: ReplyStatus, reason: str, error: VdxError | None
    ) -> None:
        played = reply.playout.played_samples
        text = self._history.close_spoken(
            reply.ids.item_id, reply.source, played, complete=status == "completed"
        )
        REPLIES.labels(status).inc()
        self._emit(ReplyDone(reply.ids, status, reason, _ms(played), text, error))

    def _current(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the turn machine decided about a reply that does not exist")
        return self._reply

    def _voice(self) -> Voice:
        options = self._options()
        return Voice(
            options.voice,
            options.language,
            options.speaker,
            options.speed,
            options.fallback_voice,
        )


def _ms(speak_samples: int) -> int:
    return speak_samples * 1000 // SPEAK_RATE
