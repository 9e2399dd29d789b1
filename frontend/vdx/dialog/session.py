"""One conversation: wires its stages to the turn machine and to a transport.

Every stage emits its events through `Session.emit` (`dialog/dispatch.py`); the turn machine's
decisions come back as calls on the stages (`dialog/decisions.py`). All of it is synchronous on one
event loop, so events have one order and a pause takes effect at the next frame.
"""

import asyncio
import time
from collections.abc import Callable

from vdx.core.config import EchoControlConfig, VadConfig
from vdx.core.errors import EmptyInput, SessionLimit, VdxError
from vdx.core.events import (
    SessionState,
    SpeechStarted,
    StageFailed,
    Transcript,
    TranscriptFailed,
)
from vdx.core.log_ids import LogIds, log_ids, logged_as
from vdx.core.logs import logger
from vdx.core.metrics import SESSIONS, SESSIONS_ENDED
from vdx.core.tools import ToolOffer
from vdx.core.tracing import stage_span
from vdx.dialog.call_recorder import CallRecorder
from vdx.dialog.decisions import HUNG_UP, DecisionHandler
from vdx.dialog.dispatch import Dispatcher, Event
from vdx.dialog.hearing import Hearing
from vdx.dialog.history import History, Item
from vdx.dialog.ids import ReplyIds, SessionIds, UtteranceIds
from vdx.dialog.language_following import LanguageFollowing
from vdx.dialog.limits import Limits
from vdx.dialog.open_turns import OpenTurns
from vdx.dialog.out_of_band import OutOfBandReplies
from vdx.dialog.policy import TurnPolicy, policy_for
from vdx.dialog.profiles import SessionOptions
from vdx.dialog.recovery_report import reported
from vdx.dialog.reply_request import AS_SESSION, ReplyRequest
from vdx.dialog.services import Services
from vdx.dialog.session_events import (
    ErrorOccurred,
    OptionsChanged,
    ServerDraining,
    SessionEnded,
    SessionEvent,
    TurnTimed,
    UserSilent,
    UtteranceLeftOpen,
)
from vdx.dialog.silence import Silence, SilenceStep
from vdx.dialog.speaking import Speaking
from vdx.dialog.tasks import SessionTasks, Work
from vdx.dialog.tools.calls import ToolCalls
from vdx.dialog.tools.client_mcp import ClientMcp
from vdx.dialog.tools.toolbox import Toolbox
from vdx.dialog.trace import TurnTrace
from vdx.dialog.transport import OutputFrame, Transport
from vdx.dialog.turn import TurnMachine
from vdx.dialog.turn_events import (
    InterruptRequested,
    ReplyRequested,
    SessionOver,
    UserText,
    UtteranceCleared,
    UtteranceCommitted,
    UtteranceHandedOver,
)
from vdx.dialog.turn_log import log_event
from vdx.speech.input.asr import Recogniser, Utterance
from vdx.speech.input.endpointer import EndpointerStage
from vdx.speech.input.whole_audio import transcribe

log = logger(__name__)

TICK_S = 0.05
BY_THE_USER = (SpeechStarted, UserText, UtteranceCommitted, InterruptRequested)
"""Events that show that somebody is there."""


class Session:
    """Create, then `run` in a task; feed audio and commands from the same event loop."""

    def __init__(
        self,
        session_id: str,
        options: SessionOptions,
        services: Services,
        transport: Transport,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = session_id
        self.ids = SessionIds(session_id)
        self.log_ids = LogIds(session_id)
        """Those of its lines, as they are now."""
        self.options = options
        self.history = History(options.instructions)
        self.last_gap_ms: float | None = None
        """From the end of the user's speech to the first audio of the last answer."""
        self._services = services
        self._transport = transport
        self._clock = clock
        self._machine = TurnMachine(self._policy())
        self._limits = Limits(services.config.session, clock())
        self._silence = Silence()
        self._tasks = SessionTasks(self.log_ids)
        self._recorder: CallRecorder | None = None
        if options.recorded and services.recorder is not None:
            self._recorder = services.recorder(options, session_id, clock)
        self._started = asyncio.Event()
        self._over: asyncio.Future[str] | None = None
        self.hearing = self._make_hearing()
        self.hearing.reconfigure(*_heard_with(options))
        self.hearing.endpointer = self._make_endpointer()
        self._turns = OpenTurns(self.log_ids, clock, self.hearing.time_at)
        self.calls = ToolCalls(self.history, self._toolbox, self.emit, clock)
        self.mcp = ClientMcp(
            services.connect_mcp,
            self.history,
            self.ids,
            self._tasks,
            self.emit,
            lambda: self.options.tools,
        )
        self._speaking = self._make_speaking()
        self._languages = LanguageFollowing(self, services.find_voice)
        self._speaking.voice_ready = self._languages.settled
        self._speaking.mcp_ready = self.mcp.ready
        self.out_of_band = OutOfBandReplies(self._speaking, self.ids, self._tasks, self.emit)
        trace = TurnTrace()
        self._decisions = self._make_decisions(trace)
        self._dispatcher = Dispatcher(
            self._machine,
            self._decisions,
            self._speaking,
            trace,
            self.ids,
            self._notify,
            clock,
            self.hearing,
        )

    def _make_decisions(self, trace: TurnTrace) -> DecisionHandler:
        return DecisionHandler(
            self.hearing,
            self._speaking,
            self.history,
            trace,
            self._limits,
            self.ids,
            self.emit,
            self._end,
        )

    def _make_speaking(self) -> Speaking:
        speaking = Speaking(
            self._services,
            lambda: self.options,
            self.calls,
            self.ids,
            self._tasks,
            self.emit,
            self._play,
            self._clock,
        )
        speaking.user_turn.audio_of = self.hearing.audio_of
        return speaking

    def _toolbox(self, offer: ToolOffer) -> Toolbox:
        server_tools = self._services.server_tools
        server = server_tools(self) if server_tools is not None else ()
        return Toolbox.of(offer, [*server, *self.mcp.offered(offer)], self._services.perform)

    def _make_endpointer(self) -> EndpointerStage | None:
        judge = self._services.judge
        if judge is None:
            return None
        return EndpointerStage(lambda pcm: judge(self.options, pcm), self.emit, self._ask)

    def _make_hearing(self) -> Hearing:
        return Hearing(
            self.options.vad,
            self._services.config.asr,
            lambda: self._machine.state,
            Recogniser(lambda: self._services.recognise(self.options, self.id), self._recover),
            self.emit,
            self._spawn_utterance,
            self._clock,
            self.options.echo_control,
        )

    # --- what transports call ---------------------------------------------------------------

    @property
    def state(self) -> SessionState:
        return self._machine.state

    @property
    def active_reply(self) -> ReplyIds | None:
        """The reply that is pending or playing; a prepared one does not count."""
        number = self._machine.active_reply
        return None if number is None else self.ids.reply(number)

    async def run(self) -> str:
        """Returns at a limit, after `close` or when cancelled, with the reason of the end."""
        with logged_as(self.log_ids):
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
                self._tasks.group = group
                self._over = asyncio.get_running_loop().create_future()
                helpers = [group.create_task(self._watch(), name=f"{self.id}-watch")]
                if self._recorder is not None:
                    recording = self._recorder.run()
                    helpers.append(group.create_task(recording, name=f"{self.id}-recorder"))
                self._started.set()
                self.mcp.use(self.options.offer.mcp)
                if self.options.greeting:
                    self.say(self.options.greeting)
                self._dispatcher.start()
                try:
                    reason = await self._over
                finally:
                    # Before the tasks are awaited, so that none of them starts another.
                    self.close(reason)
                    for helper in helpers:
                        helper.cancel()
        finally:
            self._tasks.group = None
            await self.mcp.close()
            SESSIONS.dec()
            SESSIONS_ENDED.labels(reason).inc()
            log.info(
                "session closed",
                profile=options.profile,
                transport=self._services.transport,
                seconds=round(self._clock() - began, 1),
                turns=self._decisions.turns,
                reason=reason,
            )
        return reason

    def close(self, reason: str = "closed") -> None:
        """Ends the session; every task and stream it owns is gone when `run` returns."""
        self.emit(SessionOver(reason))

    async def feed(self, pcm: bytes) -> None:
        """Takes int16 16 kHz mono audio of any length; waits until `run` has begun."""
        await self._started.wait()
        if self._recorder is not None:
            self._recorder.heard(pcm)
        if self.options.recogniser and self.state is not SessionState.TERMINATED:
            with logged_as(self.log_ids):
                await self.hearing.feed(pcm)

    def commit(self) -> UtteranceIds:
        """Ends the current utterance, whatever VAD says, and returns its ids.

        Raises:
            EmptyInput: there was no input since the last one.
        """
        if (utterance := self.hearing.commit()) is None:
            raise EmptyInput(
                "Error committing input audio buffer: the buffer is empty: nothing that sounds "
                "like speech was appended since the last turn",
                param="input_audio_buffer",
            )
        self.emit(UtteranceCommitted(utterance))
        return self.ids.utterance(utterance)

    async def transcribe(self, pcm: bytes) -> str:
        """What the recogniser hears in int16 16 kHz mono audio that is no part of the input.

        Raises:
            VdxError: it cannot be asked.
        """
        timeout_s = self._services.config.triton.final_transcript_timeout_ms / 1000
        opened = self._services.recognise(self.options, self.id)
        return await transcribe(opened, pcm, timeout_s)

    def clear(self) -> None:
        """Drops the current utterance and its input."""
        if (utterance := self.hearing.clear()) is not None:
            self.emit(UtteranceCleared(utterance))

    def _hand_over(self) -> None:
        """VAD is switched off: the client ends the utterance under way."""
        if (utterance := self.hearing.hand_over()) is not None:
            ids = self.ids.utterance(utterance)
            self.emit(UtteranceLeftOpen(ids, self.hearing.position_ms))
            self.emit(UtteranceHandedOver(utterance))

    def type_text(self, text: str) -> None:
        """Answers text that the user typed; the answer replaces a reply that plays."""
        self.emit(UserText(text))

    @property
    def reply_requested(self) -> bool:
        """A reply was asked for, and begins when what is being said is understood."""
        return self._machine.reply_requested

    def request_reply(self, instructions: str = "", own: ReplyRequest = AS_SESSION) -> None:
        """Answers the conversation as it stands; ignored while a reply is under way.

        One that has called the client's tools, and still speaks, is waited for. Somebody is there.
        """
        self._limits.unattended = False
        self._silence.broken()
        queued = self.calls.made_in(self.active_reply)
        self.emit(ReplyRequested(instructions=instructions, own=own, queued=queued))

    def go_on(self) -> None:
        """Goes on behind the client's answers to what it was asked to approve.

        After the reply under way, or with the one that is asked for already; that performs what
        was approved.
        """
        self._limits.unattended = False
        self._silence.broken()
        if not self.reply_requested:
            self.emit(ReplyRequested(queued=True))

    def say(self, text: str) -> None:
        """Speaks `text` as a reply of its own; ignored while one is under way or asked for."""
        self._limits.unattended = False
        self.emit(ReplyRequested(say=text))

    def notify_draining(self, seconds_left: float | None) -> None:
        """Emits ServerDraining; None: the server waits for this session without limit."""
        self.emit(ServerDraining(seconds_left))

    def interrupt(self, *, this_alone: bool = False) -> None:
        """Cancels the reply, audible or not; `this_alone`: one that waits for its end begins."""
        self.emit(InterruptRequested(this_alone))

    def update(self, options: SessionOptions) -> None:
        """Takes new options: the voice at the next clause, the recogniser at the next utterance."""
        if options.vad.enabled and not self.options.vad.enabled:
            if (utterance := self.hearing.commit()) is not None:
                self.emit(UtteranceCommitted(utterance))
        elif self.options.vad.enabled and not options.vad.enabled:
            self._hand_over()
        if _heard_with(options) != _heard_with(self.options):
            self.hearing.reconfigure(*_heard_with(options))
        self.options = options
        if self._services.options_changed is not None:
            self._services.options_changed(self.id, options)
        self.history.instructions = options.instructions
        self._machine.policy = self._policy()

    def change(self, options: SessionOptions) -> None:
        """As `update`, for a tool of the server: the client is told."""
        self.update(options)
        self.emit(OptionsChanged(self.ids))

    def end_after_reply(self) -> None:
        """Ends the session with the reply under way; one that is interrupted ends nothing."""
        self._speaking.ends_call = True

    # --- the path of events -----------------------------------------------------------------

    def emit(self, event: Event) -> None:
        """Takes every event of the session: of its stages, its client and its own methods.

        Before `run` the events for the turn machine wait.
        """
        # What comes from elsewhere, as from the HTTP API, is written as the session's too.
        with logged_as(log_ids() or self.log_ids):
            self._turns.happened(event, replying=self.active_reply is not None)
            if isinstance(event, BY_THE_USER):
                self._limits.unattended = False
                self._silence.broken()
            if isinstance(event, Transcript) and not self._machine.overlaps(event.utterance):
                self._languages.heard(event)  # before the turn machine has it answered
            self._dispatcher.emit(event)

    def _notify(self, event: SessionEvent) -> None:
        log_event(event, transcripts=self._services.config.log.transcripts)
        if self._recorder is not None:
            self._recorder.told(event)
        self._transport.notify(event)
        self._turns.told(event)
        if isinstance(event, TurnTimed):
            self.last_gap_ms = event.speech_end_to_first_audio_ms

    async def _play(self, frame: OutputFrame) -> None:
        self.hearing.echo.add(frame.pcm, frame.due)
        if self._recorder is not None:
            self._recorder.played(frame.pcm, frame.due)
        await self._transport.play(frame)

    # --- tasks ------------------------------------------------------------------------------

    def spawn(self, work: Work, name: str) -> None:
        """Runs `work` as a task of the session; an exception becomes a StageFailed."""
        self._tasks.spawn(work, name, lambda error: self.emit(StageFailed(error)))

    def _ask(self, work: Work, name: str) -> None:
        """Runs a question to the endpointer, which is only asked where the session has one."""
        if self.options.endpointer and not self.options.fixed_silence:
            self.spawn(work, name)

    def _spawn_utterance(self, utterance: Utterance) -> None:
        # Voice activity detection has waited for so much speech before it was one.
        ago_s = 0.0 if utterance.manual else self.options.vad.min_speech_duration_ms / 1000
        behind = self.active_reply is not None
        ids = self._turns.begin(utterance.number, ago_s, behind=behind)
        log.debug("utterance begun", utterance=utterance.number, manual=utterance.manual)

        async def recognise() -> None:
            try:
                with stage_span("recogniser", model=self.options.recogniser):
                    await utterance.run(self._services.config.triton.final_transcript_timeout_ms)
            finally:
                self.hearing.forget(utterance.number)

        def on_error(error: VdxError) -> None:
            if utterance.awaited:
                self.emit(TranscriptFailed(utterance.number, error))
            else:  # its TranscriptFailed follows when the turn machine asks for its transcript
                self.emit(StageFailed(error))

        self._tasks.spawn(recognise, f"utterance-{utterance.number}", on_error, ids)

    async def _recover(self, error: VdxError) -> bool:
        """Whether the recogniser, whose process died, can be asked again."""
        recover = self._services.recover_recogniser
        if recover is None:
            return False
        return await reported(recover(self.options, error), error, self.emit)

    async def _watch(self) -> None:
        """Looks every TICK_S for input that stopped and for limits that are reached."""
        now = self._clock()
        while True:
            due = now + TICK_S
            await asyncio.sleep(TICK_S)
            now = self._clock()
            self.hearing.excuse(now - due)
            self.hearing.fill_gap(now, self._services.config.session.input_gap_ms)
            if self.active_reply is not None or self.hearing.in_speech:
                self._limits.touch(now)
            self._look_at_silence(now)
            if (warning := self._limits.warning(now)) is not None:
                self.emit(ErrorOccurred(SessionLimit(f"the session ends {warning}")))
            if reason := self._limits.reached(now):
                self.close(reason)
            if self._limits.messages_exceeded and not (self.options.auto_reply or self._replies):
                self.close("max_messages")

    def _look_at_silence(self, now: float) -> None:
        """Does what is due where the user has said nothing for long."""
        hearing = self.hearing
        # The user waits for the client's tool, speaks, or holds the key of a push-to-talk.
        busy = self.calls.awaited or hearing.in_speech or hearing.by_hand or self._replies
        idle = self.options.idle
        match self._silence.due(self.state, now, self.options, busy=busy):
            case SilenceStep.GO_ON:
                self._nudge()
            case SilenceStep.ASK:
                self._say_unasked(idle.text)
            case SilenceStep.SAY_GOODBYE if idle.goodbye_text.strip():
                self._say_unasked(idle.goodbye_text)
                self.end_after_reply()
            case SilenceStep.SAY_GOODBYE:
                self.close(HUNG_UP)

    def _say_unasked(self, text: str) -> None:
        """Says something where nobody is known to be there: the idle time counts on."""
        self._limits.unattended = True
        self.emit(ReplyRequested(say=text))

    @property
    def _replies(self) -> bool:
        """A reply is under way, or begins when what is being said is understood."""
        return self.active_reply is not None or self.reply_requested

    def _nudge(self) -> None:
        """Lets the responder go on where the person says nothing: their turn is an empty one."""
        ids = self.ids.utterance(self.hearing.number_silence())
        end_ms = self.hearing.position_ms
        start_ms = max(0, end_ms - self.options.nudge_after_ms)
        self.emit(UserSilent(ids, start_ms, end_ms))
        self.history.put(Item(ids.item_id, "user", spoken=True))
        self._limits.unattended = True
        self.emit(ReplyRequested())

    def _end(self, reason: str) -> None:
        self.hearing.close()
        self.out_of_band.close()
        self.mcp.stop()
        self._speaking.memory.close()
        self.emit(SessionEnded(reason))
        if self._over is not None and not self._over.done():
            self._over.set_result(reason)

    def _policy(self) -> TurnPolicy:
        can, recogniser = self._services.can, self.options.recogniser
        return policy_for(
            self.options,
            self._services.config.barge_in,
            words_confirm=can(recogniser, "calibrated_confidence"),
            punctuates=can(recogniser, "punctuation"),
        )


def _heard_with(options: SessionOptions) -> tuple[VadConfig, EchoControlConfig, int | None]:
    """The options that the input side takes."""
    return options.vad, options.echo_control, options.pre_roll_ms
