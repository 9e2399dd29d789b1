"""The output side of a session: the reply under way, its history item, what the person is told."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from frontend.core.audio import SPEAK_RATE
from frontend.core.config import Config
from frontend.core.errors import VdxError
from frontend.core.events import Message, Pcm
from frontend.core.metrics import INTERRUPTIONS, REPLIES, TURNS
from frontend.dialog import moves as m
from frontend.dialog import notices as n
from frontend.dialog.history import History, Item
from frontend.dialog.profiles import SessionOptions
from frontend.dialog.reply import Reply, ReplyParts
from frontend.dialog.trace import TurnTrace
from frontend.speech.replyaudio import ClauseSpan
from frontend.speech.responder import FixedText, Responder
from frontend.speech.tts import Synthesize, Voice


class Audience(Protocol):
    """Whoever listens to a session: its transport. Calls come on the event loop."""

    def notify(self, notice: n.Notice) -> None:
        """Takes a notice at once; must not block."""

    async def play(self, reply: int, row: Pcm) -> None:
        """Delivers one frame (int16 [960], 48 kHz); may block while the reader is slow."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a session borrows from the process it lives in.

    `recognise` opens a sequence for a session id; `calibrated` says whether a recogniser's
    words alone may confirm an interruption.
    """

    config: Config
    synthesize: Synthesize
    recognise: Callable[[SessionOptions, str], Any]
    calibrated: Callable[[str], bool]
    responder: Callable[[SessionOptions], Responder]


Spawn = Callable[[Coroutine[Any, Any, None], str, Callable[[VdxError], None]], Any]


class Speaking:
    """Holds at most one reply, prepared or sounding; told what to do by the turn machine."""

    def __init__(
        self,
        options: Callable[[], SessionOptions],
        services: Services,
        audience: Audience,
        history: History,
        trace: TurnTrace,
        item_id: Callable[[int], str],
        spawn: Spawn,
        handle: Callable[[m.Event], None],
        trouble: Callable[[VdxError], None],
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._services = services
        self._audience = audience
        self._history = history
        self._trace = trace
        self._item_id = item_id
        self._spawn = spawn
        self._handle = handle
        self._trouble = trouble
        self._clock = clock
        self._reply: Reply | None = None
        self._task: Any = None
        self.say = ""
        """Words to speak as the next reply instead of asking the responder."""
        self.instructions = ""
        """Additional instructions for the next reply alone."""

    def start(self, number: int, heard: str = "") -> None:
        """Begins a silent reply to the history, plus `heard` when it is not in there yet."""
        self._trace.restart_reply()
        options, config = self._options(), self._services.config
        messages = self._history.messages(heard)
        if self.instructions:
            messages = [Message("system", self.instructions), *messages]
        responder = FixedText(self.say) if self.say else self._services.responder(options)
        self.say = self.instructions = ""
        parts = ReplyParts(
            responder=responder,
            voice=self._voice,
            synthesize=self._services.synthesize,
            clauses=config.clauses,
            playout=config.playout,
            clauses_ahead=config.tts.clauses_ahead,
            apology=options.responder.apology,
            clock=self._clock,
        )
        self._reply = Reply(number, messages, parts, self, self._audience.play)
        self._task = self._spawn(self._reply.run(), f"reply-{number}", self._broke)

    def release(self) -> None:
        """The reply is meant to be heard: it becomes an item of the history and sounds."""
        reply = self._live()
        item = Item(self._item_id(reply.number), "assistant", status="in_progress")
        item.spans = reply.audio.spans
        self._history.add(item)
        self._audience.notify(n.ReplyStarted(reply.number))
        reply.playout.release()

    def pause(self) -> None:
        reply = self._live()
        reply.playout.pause()
        played = _ms(reply.playout.played_samples)
        self._audience.notify(n.PlayoutPaused(reply.number, played))

    def resume(self) -> None:
        reply = self._live()
        played = _ms(reply.playout.played_samples)
        reply.playout.resume()
        INTERRUPTIONS.labels("resumed").inc()
        self._audience.notify(n.PlayoutResumed(reply.number, played))

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
        self, reply: Reply, status: n.ReplyStatus, reason: str, error: VdxError | None
    ) -> None:
        played = reply.playout.played_samples
        text = self._history.close_spoken(
            self._item_id(reply.number), reply.source, played, complete=status == "completed"
        )
        REPLIES.labels(status).inc()
        self._audience.notify(
            n.ReplyEnded(reply.number, status, reason, _ms(played), text, error)
        )

    def _live(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("the turn machine decided about a reply that does not exist")
        return self._reply

    def _voice(self) -> Voice:
        options = self._options()
        return Voice(options.voice, options.language, options.speaker, options.speed)

    # --- reported by the reply --------------------------------------------------------------

    def on_text(self, reply: Reply) -> None:
        self._mark(reply, "first_text")

    def on_voiced(self, reply: Reply) -> None:
        self._mark(reply, "first_voice")

    def on_audible(self, reply: Reply) -> None:
        self._mark(reply, "first_audio")
        self._handle(m.ReplyAudible(reply.number))
        if (timed := self._trace.finish()) is not None:
            TURNS.inc()
            self._audience.notify(n.TurnTimed(reply.number, *timed))

    def on_clause(self, reply: Reply, span: ClauseSpan) -> None:
        clause = span.clause
        text = reply.source[clause.source_start : clause.source_end]
        self._audience.notify(n.ReplyClause(reply.number, text))

    def on_ended(self, reply: Reply, error: VdxError | None) -> None:
        if reply is not self._reply:
            return
        self._reply = self._task = None
        self._close(reply, "failed" if error else "completed", "", error)
        self._handle(m.ReplyEnded(reply.number, failed=error is not None))

    def on_trouble(self, error: VdxError) -> None:
        self._trouble(error)

    def _broke(self, error: VdxError) -> None:
        if (reply := self._reply) is not None:
            self._trouble(error)
            self.on_ended(reply, error)

    def _mark(self, reply: Reply, stage: str) -> None:
        if reply is self._reply:
            self._trace.mark(stage, self._clock())


def _ms(speak_samples: int) -> int:
    return speak_samples * 1000 // SPEAK_RATE
