"""The output side of a session: the reply under way and its history item."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial

from vdx.core.audio import SPEAK_RATE
from vdx.core.errors import VdxError
from vdx.core.events import (
    ClauseStarted,
    Pcm,
    ReplyEnded,
    ReplyPaused,
    StageEvent,
    StageFailed,
)
from vdx.core.mcp import McpServerSpec
from vdx.core.metrics import INTERRUPTIONS, REPLIES
from vdx.dialog.history import Item
from vdx.dialog.ids import ReplyIds, SessionIds
from vdx.dialog.memory import Memory
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.recovery_report import voice_recovery_reported
from vdx.dialog.reply import Reply, ReplyParts
from vdx.dialog.reply_request import AS_SESSION, ReplyRequest
from vdx.dialog.reply_voice import ReplyVoice
from vdx.dialog.services import Services
from vdx.dialog.session_events import (
    PlayoutPaused,
    PlayoutResumed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ReplyStatus,
    ReplyText,
    SessionEvent,
)
from vdx.dialog.tasks import SessionTasks
from vdx.dialog.tools.calls import ToolCalls
from vdx.dialog.tools.loop import Round, ToolLoop
from vdx.dialog.tools.mcp_calls import ApprovedCall
from vdx.dialog.tools.toolbox import Toolbox
from vdx.dialog.transport import OutputFrame
from vdx.dialog.user_turn import UserTurn, hearing_first
from vdx.serving.models import HEARS_USER, PHONEMES, reads_ipa
from vdx.speech.output.reply_audio import played_text
from vdx.speech.output.tts import Synthesize, Voice
from vdx.speech.text.responder import FixedText


class Speaking:
    """Holds at most one reply, prepared or playing; the turn machine decides what it does.

    `options` gives the session's settings as they are now; `play` sends a frame to the user.
    """

    def __init__(
        self,
        services: Services,
        options: Callable[[], SessionOptions],
        calls: ToolCalls,
        ids: SessionIds,
        tasks: SessionTasks,
        emit: Callable[[StageEvent | SessionEvent], None],
        play: Callable[[OutputFrame], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._services = services
        self._options = options
        self._calls = calls
        self._history = calls.history
        self._ids = ids
        self._tasks = tasks
        self._emit = emit
        self._play = play
        self._clock = clock
        self.memory = Memory(self._history, options, services.responder, tasks, emit, clock)
        """What of the conversation its responder is sent."""
        self.user_turn = UserTurn(self._hears_user)
        """What it answers, as a voice hears it."""
        self._released = asyncio.Event()
        self.ends_call = False
        """The session ends with the reply, unless somebody interrupts it."""
        self.voice_ready: Callable[[], Awaitable[None]] | None = None
        """Waits for the voice of a reply, where it may have to be loaded."""
        self.mcp_ready: Callable[[Iterable[McpServerSpec]], Awaitable[None]] | None = None
        """Waits until MCP servers that the client has named have listed their tools."""
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
        self,
        number: int,
        transcript: str = "",
        instructions: str = "",
        say: str = "",
        own: ReplyRequest = AS_SESSION,
    ) -> None:
        """Begins a silent reply to the history, and to `transcript` if it is not in there yet.

        `instructions` take the place of the session's for this reply alone; `say` is spoken instead
        of an answer; `own` is what else differs from the session.
        """
        ids = self._ids.reply(number)
        self._released, self.ends_call = asyncio.Event(), False
        reply = self._reply = self.make(ids, self._emit, instructions, own, transcript, say)

        def on_error(error: VdxError) -> None:
            self._emit(StageFailed(error))
            self._emit(ReplyEnded(number, error))

        lines = replace(self._tasks.ids, reply=number)
        self._task = self._tasks.spawn(reply.run, f"reply-{number}", on_error, lines)

    def _round(self, own: ReplyRequest) -> Round:
        """A reply beside the conversation calls no tools."""
        options = self._options()
        offer = options.offer if own.offer is None else own.offer
        toolbox = self._calls.toolbox(offer) if own.in_conversation else Toolbox()
        responder = self._services.responder(options)
        return Round(responder, toolbox, options.instructions, options.tools, self.memory)

    async def _before(self, own: ReplyRequest, released: asyncio.Event) -> list[ApprovedCall]:
        """Waits for the MCP servers that a response names itself; takes what was approved."""
        if own.offer is not None and self.mcp_ready is not None:
            of_session = self._options().offer.mcp
            await self.mcp_ready(spec for spec in own.offer.mcp if spec not in of_session)
        if self._calls.mcp.has_approved:  # a prepared reply performs nothing
            await released.wait()
        return self._calls.mcp.take_approved()

    def make(
        self,
        ids: ReplyIds,
        emit: Callable[[StageEvent], None],
        instructions: str,
        own: ReplyRequest,
        transcript: str = "",
        say: str = "",
    ) -> Reply:
        """A reply that is not running yet; `emit` takes the events of its stages."""
        if own.text_only is None and self._options().text_only:
            own = replace(own, text_only=True)
        messages = self._history.messages(transcript, instructions or None, own.items)
        parts = self._parts(ids, transcript, say, own)
        reply = Reply(ids, messages, parts, emit, partial(self._send, ids))
        reply.own = own
        return reply

    def _synthesize(self, transcript: str, own: ReplyRequest) -> Synthesize:
        """With what the person said, where the reply is to the conversation."""
        to_conversation = own.in_conversation and own.items is None
        heard = self.user_turn.so_far(transcript) if to_conversation else None
        synthesize = self._services.synthesize
        return synthesize if heard is None else hearing_first(synthesize, heard)

    def _parts(self, ids: ReplyIds, transcript: str, say: str, own: ReplyRequest) -> ReplyParts:
        options, services, config = self._options(), self._services, self._services.config
        before = partial(self._before, own) if own.in_conversation else None
        loop = ToolLoop(ids, partial(self._round, own), self._calls, self._released, before)
        responder = FixedText(say) if say else loop

        def write(text: str) -> None:
            self._emit(ReplyText(ids, text))

        return ReplyParts(
            responder=responder,
            voice=ReplyVoice(self._options, own.voice),
            synthesize=self._synthesize(transcript, own),
            clauses=options.clauses,
            language=options.language,
            playout=config.playout,
            clauses_ahead=config.tts.clauses_ahead,
            max_text_bytes=config.session.max_item_text_bytes,
            apology=options.responder.apology,
            clock=self._clock,
            lead_ms=services.lead_ms,
            recover=services.recover_voice
            and voice_recovery_reported(services.recover_voice, self._emit),
            write=write if own.text_only else None,
            max_tokens=options.max_tokens if own.max_tokens is None else own.max_tokens,
            voice_ready=self.voice_ready,
            pronunciation=options.pronunciation,
            takes_phonemes=self._takes_phonemes,
            sounds=lambda voice: services.sounds(voice.model),
        )

    def _hears_user(self) -> bool:
        return self._services.can(self._options().voice, HEARS_USER)

    def _takes_phonemes(self, voice: Voice) -> bool:
        return reads_ipa(voice.language) and self._services.can(voice.model, PHONEMES)

    async def _send(self, ids: ReplyIds, pcm: Pcm, due: float) -> None:
        await self._play(OutputFrame(ids, pcm, due))

    def release(self) -> None:
        """Makes the reply an item of the history and starts its playout."""
        reply = self._current()
        reply.released = True
        item = Item(reply.ids.item_id, "assistant", status="in_progress", spans=reply.audio.spans)
        item.spoken = not reply.own.text_only
        if reply.own.in_conversation:
            self._history.put(item)
            self.user_turn.answered()
        self._emit(ReplyStarted(reply.ids, reply.own))
        self._released.set()
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
        self.ends_call = False
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
            status: ReplyStatus = "incomplete" if reply.cut else "completed"
            self._close(reply, "failed" if error else status, "", error)

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
        self._calls.end_reply(reply.ids)
        played = reply.playout.played_samples
        complete = status == "completed"
        if reply.written:
            text = reply.written.text
            self._history.close_written(reply.ids.item_id, text, complete=complete)
        elif reply.own.in_conversation:
            text = self._history.close_spoken(
                reply.ids.item_id, reply.source, played, complete=complete
            )
        else:
            text = played_text(reply.source, reply.audio.spans, played)
        REPLIES.labels(status).inc()
        done = ReplyDone(reply.ids, status, reason, _ms(played), text, error, reply.prompt_bytes)
        self._emit(done)

    def _current(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the turn machine decided about a reply that does not exist")
        return self._reply


def _ms(speak_samples: int) -> int:
    return speak_samples * 1000 // SPEAK_RATE
