"""One conversation: wires the stages, owns every task and queue, and obeys the turn machine.

Events of the stages go into the pure machine of `dialog/turn.py`; its decisions come back here
and become calls on the stages. Everything between is synchronous on one event loop, so events
are seen in one order and a pause takes effect at the very next frame.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from vdx.core.errors import InvalidInput, ModelFailed, VdxError
from vdx.core.events import SessionState, TranscriptFailed
from vdx.core.logs import bound, logger
from vdx.core.metrics import SESSIONS, SESSIONS_ENDED
from vdx.dialog.hearing import Hearing
from vdx.dialog.history import History, Item
from vdx.dialog.limits import Limits
from vdx.dialog.policy import TurnPolicy, policy_for
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.reports import StageReports
from vdx.dialog.session_events import (
    ItemsForgotten,
    ServerDraining,
    SessionEnded,
    StateChanged,
    UtteranceDropped,
)
from vdx.dialog.speaking import Audience, Broke, Services, Speaking, Work
from vdx.dialog.trace import TurnTrace
from vdx.dialog.turn import TurnMachine
from vdx.dialog.turn_events import (
    AbandonUtterance,
    CancelReply,
    CommitUser,
    DiscardReply,
    EndSession,
    ExtendEndpoint,
    FinishUtterance,
    InterruptRequested,
    PauseReply,
    PrepareReply,
    ReplyRequested,
    ResumeReply,
    SessionOver,
    SpeakReply,
    StartReply,
    TurnDecision,
    TurnEvent,
    UserText,
    UtteranceCleared,
    UtteranceCommitted,
)
from vdx.dialog.turn_log import LoggedAudience
from vdx.speech.input.asr import Recogniser, Utterance

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
        audience = LoggedAudience(audience, transcripts=services.config.log.transcripts)
        self._audience = audience
        self._clock = clock
        self._machine = TurnMachine(self._policy())
        self._limits = Limits(services.config.session, clock())
        self._trace = TurnTrace()
        self._inbox: deque[TurnEvent] = deque()
        self._handling = False
        self._turns = 0  # replies that were meant to be heard
        self._tasks: asyncio.TaskGroup | None = None
        self._started = asyncio.Event()
        self._over: asyncio.Future[str] | None = None
        self._told = (SessionState.IDLE, False)
        self._reports = StageReports(self, audience, self._trace, clock)
        self.hearing = Hearing(
            options.vad,
            services.config.asr,
            self._reports,
            Recogniser(lambda: services.recognise(self.options, self.id), self._recover),
            self._reports.heard,
            self._spawn_utterance,
            clock,
            options.echo_control,
        )
        played = self.hearing.echo.add
        self._speaking = Speaking(self, services, audience, self._trace, clock, played)

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
        with bound(session=self.id):
            return await self._run()

    async def _run(self) -> str:
        reason, began, options = "cancelled", self._clock(), self.options
        SESSIONS.inc()
        log.info(
            "session opened",
            profile=options.profile,
            transport=self._services.transport,
            voice=options.voice,
            recogniser=options.recogniser,
        )
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks = group
                self._over = asyncio.get_running_loop().create_future()
                watch = group.create_task(self._watch(), name=f"{self.id}-watch")
                self._started.set()
                if self.options.greeting:
                    self.say(self.options.greeting)
                self._drain()
                try:
                    reason = await self._over
                finally:
                    # Before the tasks are awaited, so that none of them begins anything new.
                    self.close(reason)
                    watch.cancel()
        finally:
            self._tasks = None
            SESSIONS.dec()
            SESSIONS_ENDED.labels(reason).inc()
            log.info(
                "session closed",
                profile=options.profile,
                transport=self._services.transport,
                seconds=round(self._clock() - began, 1),
                turns=self._turns,
                reason=reason,
            )
        return reason

    def close(self, reason: str = "closed") -> None:
        """Ends the session; every task and stream it owns is gone when `run` returns."""
        self.handle(SessionOver(reason))

    async def feed(self, pcm: bytes) -> None:
        """Hears int16 16 kHz mono audio of any length; waits for `run` to have begun."""
        await self._started.wait()
        if self.options.recogniser and self.state is not SessionState.TERMINATED:
            await self.hearing.feed(pcm)

    def commit(self) -> int:
        """Ends the person's turn by hand and returns the number of the utterance.

        Raises:
            InvalidInput: nothing was said since the last one.
        """
        if (utterance := self.hearing.commit()) is None:
            raise InvalidInput("the input audio buffer is empty", param="input_audio_buffer")
        self.handle(UtteranceCommitted(utterance))
        return utterance

    def clear(self) -> None:
        """Throws away what was heard of the current utterance."""
        if (utterance := self.hearing.clear()) is not None:
            self.handle(UtteranceCleared(utterance))

    def type_text(self, text: str) -> None:
        """The person typed instead of speaking; the answer replaces a reply that plays."""
        self.handle(UserText(text))

    def request_reply(self, instructions: str = "") -> None:
        """Answers the conversation as it stands; ignored while a reply is under way."""
        self.handle(ReplyRequested(instructions=instructions))

    def say(self, text: str) -> None:
        """Speaks `text` as the machine's own words; ignored while a reply is under way."""
        self.handle(ReplyRequested(say=text))

    def tell_draining(self, seconds_left: float | None) -> None:
        """Says that the server ends; None means that it waits for this session without limit."""
        self._audience.notify(ServerDraining(seconds_left))

    def interrupt(self) -> None:
        """Cancels the reply, audible or not."""
        self.handle(InterruptRequested())

    def update(self, options: SessionOptions) -> None:
        """Takes new options: the voice at the next clause, the recogniser at the next utterance."""
        if options.vad.enabled != self.options.vad.enabled:
            self.clear()
        if (options.vad, options.echo_control) != (self.options.vad, self.options.echo_control):
            self.hearing.reconfigure(options.vad, options.echo_control)
        self.options = options
        self.history.instructions = options.instructions
        self._machine.policy = self._policy()

    def utterance_item(self, utterance: int) -> str:
        """The id of the history item an utterance becomes."""
        return f"item_{self.id}_u{utterance}"

    def reply_item(self, reply: int) -> str:
        return f"item_{self.id}_r{reply}"

    # --- the machine ------------------------------------------------------------------------

    def handle(self, event: TurnEvent) -> None:
        """Runs one event through the turn machine and carries out its decisions.

        One that comes before `run`, or out of another's decisions, waits for its turn.
        """
        self._inbox.append(event)
        if self._started.is_set() and not self._handling:
            self._drain()

    def _drain(self) -> None:
        self._handling = True
        try:
            while self._inbox:
                self._handle_next(self._inbox.popleft())
        finally:
            self._handling = False

    def _handle_next(self, event: TurnEvent) -> None:
        before = self.active_reply
        for decision in self._machine.handle(event):
            self._carry_out(decision)
        told = (self._machine.state, self._machine.thinking)
        if told != self._told:
            self._told = told
            self._audience.notify(StateChanged(*told))
        self._limits.touch(self._clock())
        reply_is_over = before is not None and self.active_reply != before
        if reply_is_over:
            self._make_room()
        if reply_is_over and self._limits.messages_used_up:
            self.close("max_messages")

    def _carry_out(self, decision: TurnDecision) -> None:
        speaking = self._speaking
        match decision:
            case ExtendEndpoint(utterance=number, silence_ms=silence_ms):
                self.hearing.extend_endpoint(number, silence_ms)
            case FinishUtterance(utterance=number):
                self.hearing.finish(number)
            case AbandonUtterance(utterance=number):
                self.hearing.abandon(number)
                self._audience.notify(UtteranceDropped(number))
            case CommitUser(text=text, utterance=number):
                self._commit_user(text, number)
            case PrepareReply(reply=number, text=text):
                speaking.start(number, heard=text)
            case StartReply(reply=number, instructions=instructions, say=say):
                speaking.start(number, instructions=instructions, say=say)
                self._release()
            case SpeakReply():
                self._release()
            case DiscardReply():
                speaking.drop()
            case PauseReply():
                speaking.pause()
            case ResumeReply():
                speaking.resume()
            case CancelReply(reason=reason):
                speaking.cancel(reason)
            case EndSession(reason=reason):
                self._end(reason)

    def _release(self) -> None:
        self._limits.messages += 1
        self._turns += 1
        self._speaking.release()

    def _commit_user(self, text: str, utterance: int | None) -> None:
        self._limits.messages += 1
        item_id = f"item_{self.id}_t{self._limits.messages}"
        if utterance is not None:
            item_id = self.utterance_item(utterance)
        self.history.put(Item(item_id, "user", text))
        self._make_room()

    def _make_room(self) -> None:
        """The conversation goes on where it has grown too long; what is forgotten is told."""
        most = self._services.config.session.max_history_bytes
        if removed := self.history.make_room(most):
            log.warning("history is full", session=self.id, removed=len(removed))
            self._audience.notify(ItemsForgotten(tuple(removed)))

    # --- tasks ------------------------------------------------------------------------------

    def spawn(self, work: Work, name: str, broke: Broke) -> asyncio.Task[None] | None:
        """Runs `work` as a task of the session; `broke` is told of a fault nobody expected."""
        if self._tasks is None:  # the session is over; nothing may start any more
            return None
        return self._tasks.create_task(_guard(work, broke), name=f"{self.id}-{name}")

    def _spawn_utterance(self, utterance: Utterance) -> None:
        log.debug("utterance begun", utterance=utterance.number, manual=utterance.manual)

        async def listen() -> None:
            try:
                await utterance.run(self._services.config.triton.final_transcript_timeout_ms)
            finally:
                self.hearing.forget(utterance.number)

        def broke(error: VdxError) -> None:
            if utterance.awaited:
                self._reports.heard(TranscriptFailed(utterance.number, error))
            else:  # told when the turn asks for its words
                self.trouble(error)

        self.spawn(listen, f"utterance-{utterance.number}", broke)

    def apologise(self) -> None:
        """Says that the person was not understood, where they are answered unasked."""
        if self._machine.policy.auto_reply:
            self.say(self.options.responder.apology)

    async def _recover(self, error: VdxError) -> bool:
        """Whether the recogniser that died can be asked again."""
        recover = self._services.recover_recogniser
        return recover is not None and await recover(self.options, error)

    def trouble(self, error: VdxError) -> None:
        """Something failed; the session goes on."""
        self._reports.trouble(error)

    async def _watch(self) -> None:
        """Watches what no event reports: input that stops, and the limits."""
        now = self._clock()
        while True:
            due = now + TICK_S
            await asyncio.sleep(TICK_S)
            now = self._clock()
            self.hearing.excuse(now - due)
            self.hearing.fill_gap(now, self._services.config.session.input_gap_ms)
            if self.active_reply is not None or self.hearing.in_speech:
                self._limits.touch(now)
            if reason := self._limits.reached(now):
                self.close(reason)

    def _end(self, reason: str) -> None:
        self.hearing.close()
        self._audience.notify(SessionEnded(reason))
        if self._over is not None and not self._over.done():
            self._over.set_result(reason)

    def _policy(self) -> TurnPolicy:
        calibrated = self._services.calibrated(self.options.recogniser)
        return policy_for(self.options, self._services.config.barge_in, words_confirm=calibrated)


async def _guard(work: Work, broke: Broke) -> None:
    try:
        await work()
    except Exception as error:  # a task's root: a fault in one reply must not end the session
        log.exception("task failed")
        broke(ModelFailed(f"internal error: {type(error).__name__}: {error}"))
