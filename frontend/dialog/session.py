"""One conversation: wires the stages, owns every task and queue, and obeys the turn machine.

Events of the stages go into the pure machine of `dialog/turn.py`; its decisions come back here
and become calls on the stages. Everything between is synchronous on one event loop, so events
are seen in one order and a pause takes effect at the very next frame.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from frontend.core.errors import InvalidInput, ModelFailed, VdxError
from frontend.core.events import (
    LevelTooLow,
    SessionState,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from frontend.core.logs import logger
from frontend.core.metrics import ERRORS, SESSIONS, SESSIONS_ENDED
from frontend.dialog import moves as m
from frontend.dialog import notices as n
from frontend.dialog.hearing import Hearing
from frontend.dialog.history import History, Item
from frontend.dialog.profiles import SessionOptions
from frontend.dialog.speaking import Audience, Services, Speaking
from frontend.dialog.trace import TurnTrace
from frontend.dialog.turn import TurnMachine, TurnPolicy
from frontend.speech.asr import Utterance
from frontend.speech.lexicon import Lexicon

log = logger(__name__)

TICK_S = 0.05


class Session:
    """Create, then `run` in a task; feed audio and commands from the same event loop."""

    def __init__(
        self,
        session_id: str,
        options: SessionOptions,
        services: Services,
        audience: Audience,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = session_id
        self.options = options
        self.history = History(options.instructions)
        self._services = services
        self._audience = audience
        self._clock = clock
        self._machine = TurnMachine(self._policy())
        self._trace = TurnTrace()
        self._tasks: asyncio.TaskGroup | None = None
        self._messages = 0
        self._told = (SessionState.IDLE, False)
        self._over: asyncio.Future[str] | None = None
        self._active_at = clock()
        self.hearing = Hearing(
            options.vad,
            services.config.asr,
            self,
            lambda: services.recognise(self.options, self.id),
            self._heard,
            self._spawn_utterance,
            clock,
        )
        self._speaking = Speaking(
            lambda: self.options,
            services,
            audience,
            self.history,
            self._trace,
            self.reply_item,
            self._spawn,
            self.handle,
            self.trouble,
            clock,
        )

    # --- what transports call ---------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        return self._machine.state

    @property
    def active_reply(self) -> int | None:
        """The reply that is promised or playing."""
        return self._machine.active_reply

    async def run(self) -> str:
        """Lives until a limit, `close` or cancellation; returns why it ended."""
        reason = "cancelled"
        SESSIONS.inc()
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                self._over = asyncio.get_running_loop().create_future()
                ticker = group.create_task(self._tick(), name=f"{self.id}-tick")
                if self.options.greeting:
                    self.say(self.options.greeting)
                reason = await self._over
                ticker.cancel()
        finally:
            self._tasks = None
            SESSIONS.dec()
            SESSIONS_ENDED.labels(reason).inc()
        return reason

    def close(self, reason: str = "closed") -> None:
        """Ends the session; every task and stream it owns is gone when `run` returns."""
        self.handle(m.SessionOver(reason))

    async def feed(self, pcm: bytes) -> None:
        """Hears int16 16 kHz mono audio of any length."""
        if self.options.recogniser and self.state is not SessionState.TERMINATED:
            await self.hearing.feed(pcm)

    def commit(self) -> int:
        """Ends the person's turn by hand and returns the number of the utterance.

        Raises:
            InvalidInput: nothing was said since the last one.
        """
        utterance = self.hearing.commit()
        if utterance is None:
            raise InvalidInput("the input audio buffer is empty", param="input_audio_buffer")
        self.handle(m.UtteranceCommitted(utterance))
        return utterance

    def clear(self) -> None:
        """Throws away what was heard of the current utterance."""
        if (utterance := self.hearing.clear()) is not None:
            self.handle(m.UtteranceCleared(utterance))

    def type_text(self, text: str) -> None:
        """The person typed instead of speaking; the answer replaces a reply that plays."""
        self.handle(m.UserText(text))

    def request_reply(self, instructions: str = "") -> None:
        """Answers the conversation as it stands; ignored while a reply is under way."""
        self._speaking.instructions = instructions
        self.handle(m.ReplyRequested())

    def say(self, text: str) -> None:
        """Speaks `text` as the machine's own words."""
        self._speaking.say = text
        self.handle(m.ReplyRequested())

    def interrupt(self) -> None:
        """Cancels the reply, audible or not."""
        self.handle(m.InterruptRequested())

    def update(self, options: SessionOptions) -> None:
        """Takes new options: the voice at the next clause, the recogniser at the next utterance."""
        if options.vad != self.options.vad:
            self.hearing.reconfigure(options.vad)
        self.options = options
        self.history.instructions = options.instructions
        self._machine.policy = self._policy()

    def utterance_item(self, utterance: int) -> str:
        """The id of the history item an utterance becomes."""
        return f"item_{self.id}_u{abs(utterance)}{'m' if utterance < 0 else ''}"

    def reply_item(self, reply: int) -> str:
        return f"item_{self.id}_r{reply}"

    # --- the machine ------------------------------------------------------------------------

    def handle(self, event: m.Event) -> None:
        """Runs one event through the turn machine and carries out its decisions."""
        for decision in self._machine.handle(event):
            self._carry_out(decision)
        told = (self._machine.state, self._machine.thinking)
        if told != self._told:
            self._told = told
            self._audience.notify(n.StateChanged(*told))
        self._active_at = self._clock()
        limit = self._services.config.session.max_messages_per_session
        if isinstance(event, m.ReplyEnded) and 0 < limit <= self._messages:
            self.close("max_messages")

    def _carry_out(self, decision: m.Decision) -> None:
        speaking = self._speaking
        match decision:
            case m.FinishUtterance(utterance=number):
                self.hearing.finish(number)
            case m.AbandonUtterance(utterance=number):
                self.hearing.abandon(number)
                self._audience.notify(n.UtteranceDropped(number))
            case m.CommitUser(text=text, utterance=number):
                self._commit_user(text, number)
            case m.PrepareReply(reply=number, text=text):
                speaking.start(number, heard=text)
            case m.StartReply(reply=number):
                speaking.start(number)
                self._release()
            case m.SpeakReply():
                self._release()
            case m.DiscardReply():
                speaking.drop()
            case m.PauseReply():
                speaking.pause()
            case m.ResumeReply():
                speaking.resume()
            case m.CancelReply(reason=reason):
                speaking.cancel(reason)
            case m.EndSession(reason=reason):
                self._end(reason)

    def _release(self) -> None:
        self._messages += 1
        self._speaking.release()

    def _commit_user(self, text: str, utterance: int | None) -> None:
        self._messages += 1
        item_id = f"item_{self.id}_t{self._messages}"
        if utterance is not None:
            item_id = self.utterance_item(utterance)
        self.history.add(Item(item_id, "user", text))

    # --- what the stages report -------------------------------------------------------------

    def on_speech(self, event: SpeechEvent, when: float) -> None:
        """Voice activity; `when` it happened on the session's clock."""
        if isinstance(event, LevelTooLow):
            self._audience.notify(n.LevelHint(event.rms, event.threshold))
            return
        if isinstance(event, SpeechPaused):
            self._trace.begin(when)
            self._trace.mark("pause_noticed", self._clock())
        elif isinstance(event, SpeechEnded):
            self._trace.mark("endpoint", self._clock())
            self._audience.notify(n.UtteranceEnded(event.utterance, event.at // 16))
        self.handle(event)
        if isinstance(event, SpeechStarted):
            interrupting = self.state is SessionState.BARGED_IN
            self._audience.notify(
                n.UtteranceStarted(event.utterance, event.at // 16, interrupting)
            )

    def on_speech_lasted(self, utterance: int, ms: int) -> None:
        """How long the speech over a reply has lasted by now."""
        self.handle(m.SpeechLasted(utterance, ms))

    def trouble(self, error: VdxError) -> None:
        """Something failed; the session goes on."""
        ERRORS.labels(error.service, error.code).inc()
        log.warning("trouble", session=self.id, service=error.service, error=str(error))
        self._audience.notify(n.Trouble(error))

    def _heard(self, event: Transcript | TranscriptFailed) -> None:
        number, now = event.utterance, self._clock()
        if isinstance(event, TranscriptFailed):
            self.trouble(event.error)
            self._audience.notify(n.HearingFailed(number, event.error))
        elif event.kind is TranscriptKind.FINAL:
            self._trace.mark("final_transcript", now)
            self._audience.notify(n.UserSaid(number, event.text.strip()))
        else:
            if event.kind is TranscriptKind.PAUSE:
                self._trace.mark("speculative_transcript", now)
            self._audience.notify(n.UserHeard(number, event.text, event.stable))
        self.handle(event)

    # --- tasks ------------------------------------------------------------------------------

    def _spawn(
        self, work: Coroutine[Any, Any, None], name: str, broke: Callable[[VdxError], None]
    ) -> asyncio.Task[None] | None:
        if self._tasks is None:  # the session is over; nothing may start any more
            work.close()
            return None
        return self._tasks.create_task(_guard(work, broke), name=f"{self.id}-{name}")

    def _spawn_utterance(self, utterance: Utterance) -> None:
        async def listen() -> None:
            try:
                await utterance.run(self._services.config.triton.final_transcript_timeout_ms)
            finally:
                self.hearing.forget(utterance.number)

        def broke(error: VdxError) -> None:
            self._heard(TranscriptFailed(utterance.number, error))

        self._spawn(listen(), f"utterance-{utterance.number}", broke)

    async def _tick(self) -> None:
        """Watches what no event reports: input that stops, and the limits."""
        limits = self._services.config.session
        began = self._clock()
        while True:
            await asyncio.sleep(TICK_S)
            now = self._clock()
            self.hearing.fill_gap(now, limits.input_gap_ms)
            if self.active_reply is not None or self.hearing.in_speech:
                self._active_at = now
            if 0 < limits.max_session_duration_seconds <= now - began:
                self.close("max_session_duration")
            elif 0 < limits.idle_timeout_seconds <= now - self._active_at:
                self.close("idle_timeout")

    def _end(self, reason: str) -> None:
        self.hearing.close()
        self._audience.notify(n.SessionEnded(reason))
        if self._over is not None and not self._over.done():
            self._over.set_result(reason)

    def _policy(self) -> TurnPolicy:
        options, barge_in = self.options, self._services.config.barge_in
        lexicon = Lexicon(options.language, barge_in)
        return TurnPolicy(
            interrupts=lexicon.interrupts,
            only_sounds=lexicon.only_listening_sounds,
            confirm_ms=barge_in.confirm_ms,
            words_confirm=self._services.calibrated(options.recogniser),
            barge_in=options.barge_in,
            auto_reply=options.auto_reply,
            preemptive=options.responder.preemptive,
        )


async def _guard(work: Coroutine[Any, Any, None], broke: Callable[[VdxError], None]) -> None:
    try:
        await work
    except Exception as error:  # a task's root: a fault in one reply must not end the session
        log.exception("task failed")
        broke(ModelFailed(f"internal error: {error!r}"))
