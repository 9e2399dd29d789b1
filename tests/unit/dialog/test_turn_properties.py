"""Random event orders against the turn machine: valid, late, twice, and of things long over."""

from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.unit.dialog.turns import silence_ms
from vdx.core.errors import ModelFailed
from vdx.core.events import (
    PauseJudged,
    ReplyAudible,
    ReplyEnded,
    ReplyPaused,
    SessionState,
    SpeechEnded,
    SpeechLasted,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Transcript,
    TranscriptFailed,
    TranscriptKind,
)
from vdx.dialog.turn import TurnMachine, TurnPolicy
from vdx.dialog.turn_decisions import (
    AbandonUtterance,
    CancelReply,
    CommitUser,
    DiscardReply,
    EndSession,
    FinishUtterance,
    ForgetReply,
    KeepUtterance,
    PauseReply,
    PrepareReply,
    ResumeReply,
    SetEndpoint,
    SpeakReply,
    StartReply,
    TurnDecision,
)
from vdx.dialog.turn_events import (
    InterruptRequested,
    ReplyRequested,
    SessionOver,
    TurnEvent,
    UserText,
    UtteranceCleared,
    UtteranceCommitted,
)

STATES_OF_A_REPLY = (SessionState.SPEAKING, SessionState.BARGED_IN)
TEXTS = st.sampled_from(["", "uh", "stop", "hello", "hello there", "hello and"])
NUMBERS = st.integers(-2, 12)
MS = st.sampled_from([0, 100, 580, 600, 5000])


ERROR = ModelFailed("the voice failed", model="voice")


@dataclass
class World:
    """What the stages around the machine would know: every decision carried out and checked."""

    prepared: set[int] = field(default_factory=set)
    promised: set[int] = field(default_factory=set)
    audible: set[int] = field(default_factory=set)
    paused: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)
    owed: set[int] = field(default_factory=set)
    answered: int = 0
    ended: bool = False

    @property
    def alive(self) -> set[int]:
        return self.prepared | self.promised

    def carry_out(self, decision: TurnDecision) -> None:
        assert not self.ended, f"{decision} after EndSession"
        match decision:
            case FinishUtterance(utterance=number):
                self.owed.add(number)
            case AbandonUtterance(utterance=number):
                self.owed.discard(number)
            case KeepUtterance(utterance=number, text=text):
                assert text
                assert number not in self.owed, "its transcript is still due"
            case CommitUser(text=text):
                assert text
            case PrepareReply(reply=number):
                self._begin(number)
                self.prepared.add(number)
            case StartReply(reply=number):
                self._begin(number)
                self.promised.add(number)
                self.answered += 1
            case SpeakReply(reply=number):
                self.prepared.remove(number)
                self.promised.add(number)
                self.answered += 1
            case DiscardReply(reply=number):
                self.prepared.remove(number)
                self.over.add(number)
            case PauseReply(reply=number):
                assert number in self.promised - self.paused
                self.paused.add(number)
            case ResumeReply(reply=number):
                assert number in self.promised & self.paused
                self.paused.remove(number)
            case CancelReply(reply=number):
                self.end(number)
            case ForgetReply(reply=number):
                assert number in self.over, "a reply that is still heard cannot be forgotten"
            case EndSession():
                assert not self.alive
                self.ended = True

    def _begin(self, number: int) -> None:
        assert not self.alive, "two replies at once"
        assert number not in self.over, "a reply that lives twice"

    def end(self, number: int) -> None:
        self.promised.remove(number)
        self.paused.discard(number)
        self.over.add(number)


class RandomConversation(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.machine = TurnMachine(
            TurnPolicy(
                interrupts=lambda text: text == "stop",
                only_sounds=lambda text: text == "uh",
                silence_ms=silence_ms,
            )
        )
        self.world = World()
        self.speaking: int | None = None
        self.latest = 0
        self.hostile = False

    def send(self, event: TurnEvent) -> list[TurnDecision]:
        before = self.machine.state
        decisions = self.machine.handle(event)
        granted = [d for d in decisions if isinstance(d, SetEndpoint)]
        for decision in decisions:
            self.world.carry_out(decision)
        for decision in granted:
            self.the_extension_is_for_the_pause_being_heard(decision, event, before)
        return decisions

    def the_extension_is_for_the_pause_being_heard(
        self, decision: SetEndpoint, event: TurnEvent, before: SessionState
    ) -> None:
        assert isinstance(event, Transcript | PauseJudged | SpeechPaused)
        assert not isinstance(event, Transcript) or event.kind is TranscriptKind.PAUSE
        speech = self.machine._turn.speech
        assert speech is not None
        assert speech._pause is not None
        assert decision.utterance == event.utterance == speech.utterance
        assert decision.silence_ms == silence_ms(speech._pause)
        assert self.machine.state is not SessionState.BARGED_IN
        assert before is not SessionState.TERMINATED

    # --- what stages do ---------------------------------------------------------------------

    @rule(lasts=MS, words=TEXTS, pauses=st.booleans(), goes_on=st.booleans(), ends=st.booleans())
    def person(self, lasts: int, words: str, pauses: bool, goes_on: bool, ends: bool) -> None:
        if self.speaking is None:
            self.latest += 1
            self.speaking = self.latest
            self.send(SpeechStarted(self.latest, 0))
        number = self.speaking
        self.send(SpeechLasted(number, lasts))
        self.send(Transcript(number, words, 0, 0, TranscriptKind.PARTIAL))
        if pauses or ends:
            self.send(SpeechPaused(number, 0))
            self.send(Transcript(number, words, 0, 0, TranscriptKind.PAUSE))
        if goes_on and not ends:
            self.send(SpeechResumed(number, 0))
        if ends:
            self.speaking = None
            self.send(SpeechEnded(number, 0))

    @precondition(lambda self: self.world.owed)
    @rule(data=st.data(), text=TEXTS, fails=st.booleans())
    def recogniser_answers(self, data: st.DataObject, text: str, fails: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.owed)))
        self.world.owed.discard(number)
        final = Transcript(number, text, 0, 0, TranscriptKind.FINAL)
        self.send(TranscriptFailed(number, ModelFailed("broke")) if fails else final)

    @precondition(lambda self: self.world.promised - self.world.audible - self.world.paused)
    @rule()
    def first_frame(self) -> None:
        (number,) = self.world.promised
        self.world.audible.add(number)
        self.send(ReplyAudible(number))

    @precondition(lambda self: self.world.promised)
    @rule(failed=st.booleans(), ms=MS)
    def reply_ends(self, failed: bool, ms: int) -> None:
        (number,) = self.world.promised
        self.world.end(number)
        self.send(ReplyEnded(number, ERROR if failed else None, played_ms=ms))

    @precondition(lambda self: self.world.prepared)
    @rule()
    def prepared_reply_breaks(self) -> None:
        number = self.world.prepared.pop()
        self.world.over.add(number)
        assert self.send(ReplyEnded(number, ERROR)) == []

    @precondition(lambda self: self.world.paused)
    @rule(ms=MS)
    def playout_says_how_far_it_came(self, ms: int) -> None:
        (number,) = self.world.paused
        assert self.send(ReplyPaused(number, ms)) == []

    # --- what clients do --------------------------------------------------------------------

    @rule(text=st.sampled_from(["hi", "you"]), respond=st.booleans())
    def client_types(self, text: str, respond: bool) -> None:
        self.send(UserText(text, respond))

    @rule()
    def client_wants_a_reply(self) -> None:
        self.send(ReplyRequested())

    @rule()
    def client_cancels(self) -> None:
        self.send(InterruptRequested())

    @precondition(lambda self: self.speaking is not None)
    @rule(clears=st.booleans())
    def client_ends_the_utterance(self, clears: bool) -> None:
        number, self.speaking = self.speaking or 0, None
        self.send(UtteranceCleared(number) if clears else UtteranceCommitted(number))

    @rule(barge_in=st.booleans(), auto=st.booleans(), ahead=st.booleans(), words=st.booleans())
    def client_changes_the_policy(
        self, barge_in: bool, auto: bool, ahead: bool, words: bool
    ) -> None:
        self.machine.policy = replace(
            self.machine.policy,
            barge_in=barge_in,
            auto_reply=auto,
            preemptive=ahead,
            words_confirm=words,
        )

    # --- what should never happen, and does -------------------------------------------------

    @rule(number=NUMBERS, kind=st.sampled_from([SpeechStarted, SpeechPaused, SpeechResumed]))
    def stray_speech(self, number: int, kind: type[SpeechStarted]) -> None:
        self.send(kind(number, 0))

    @rule(number=NUMBERS)
    def stray_end_of_speech(self, number: int) -> None:
        self.send(SpeechEnded(number, 0))

    @rule(number=NUMBERS, ms=MS)
    def stray_duration(self, number: int, ms: int) -> None:
        self.send(SpeechLasted(number, ms))

    @rule(number=NUMBERS, text=TEXTS, kind=st.sampled_from(TranscriptKind))
    def stray_transcript(self, number: int, text: str, kind: TranscriptKind) -> None:
        if kind is TranscriptKind.FINAL:
            self.world.owed.discard(number)
        self.send(Transcript(number, text, 0, 0, kind))

    @rule(number=NUMBERS, at=st.integers(0, 1), probability=st.floats(0, 1))
    def judged_pause(self, number: int, at: int, probability: float) -> None:
        self.send(PauseJudged(number, at, probability))

    @rule(number=NUMBERS, clears=st.booleans())
    def stray_commit_or_clear(self, number: int, clears: bool) -> None:
        self.send(UtteranceCleared(number) if clears else UtteranceCommitted(number))

    @precondition(lambda self: self.world.over)
    @rule(data=st.data(), failed=st.booleans())
    def stray_events_of_a_reply_that_is_over(self, data: st.DataObject, failed: bool) -> None:
        number = data.draw(st.sampled_from(sorted(self.world.over)))
        before = (self.machine.state, self.machine.active_reply)
        assert self.send(ReplyAudible(number)) == []
        assert self.send(ReplyPaused(number, 100)) == []
        assert self.send(ReplyEnded(number, ERROR if failed else None)) == []
        assert (self.machine.state, self.machine.active_reply) == before

    @precondition(lambda self: self.world.prepared)
    @rule()
    def a_prepared_reply_claims_to_be_audible(self) -> None:
        (number,) = self.world.prepared
        assert self.send(ReplyAudible(number)) == []
        assert self.machine.active_reply is None

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def speech_over_a_reply_is_decided_on_by_its_end(self) -> None:
        waiting = {number for number, o in self.machine._turn.overlaps.items() if o.text is None}
        assert waiting <= self.machine._turn.due
        if not self.world.promised:
            assert set(self.machine._turn.overlaps) == waiting

    @invariant()
    def the_machine_knows_what_lives(self) -> None:
        assert len(self.world.alive) <= 1
        assert self.machine.active_reply == next(iter(self.world.promised), None)

    @invariant()
    def a_state_of_a_reply_has_one(self) -> None:
        state, world = self.machine.state, self.world
        if state in STATES_OF_A_REPLY:
            assert world.promised
        assert (state is SessionState.BARGED_IN) == bool(world.paused)
        if state is SessionState.SPEAKING:
            assert world.promised <= world.audible
        if world.promised:
            assert state in (*STATES_OF_A_REPLY, SessionState.LISTENING)

    @invariant()
    def barged_in_means_that_somebody_speaks(self) -> None:
        if self.machine.state is SessionState.BARGED_IN:
            assert self.machine._turn.speech is not None

    def teardown(self) -> None:
        """However it came so far: a clear turn is answered, and the end is final."""
        self.machine.policy = replace(self.machine.policy, auto_reply=True)
        self.stages_catch_up()
        before = self.world.answered
        number = 1000
        self.send(SpeechStarted(number, 0))
        self.send(SpeechLasted(number, 800))
        self.send(SpeechPaused(number, 0))
        self.send(Transcript(number, "good morning", 0, 0, TranscriptKind.PAUSE))
        self.send(SpeechEnded(number, 0))
        if number in self.world.owed:
            self.world.owed.discard(number)
            committed = self.send(Transcript(number, "good morning", 0, 0, TranscriptKind.FINAL))
            assert CommitUser("good morning", number) in committed
        self.stages_catch_up()
        assert self.world.answered > before
        assert self.machine.state is SessionState.WAITING_FOR_INPUT
        self.send(SessionOver("closed"))
        assert self.world.ended
        assert self.machine.state is SessionState.TERMINATED
        assert self.send(UserText("hi")) == []
        assert self.send(ReplyRequested()) == []

    def stages_catch_up(self) -> None:
        """Every transcript that is due comes and every reply runs to its end."""
        for _ in range(100):
            if self.world.owed:
                number = self.world.owed.pop()
                self.send(TranscriptFailed(number, ModelFailed("broke")))
            elif self.world.promised - self.world.paused:
                (number,) = self.world.promised
                self.world.audible.add(number)
                self.send(ReplyAudible(number))
                self.world.end(number)
                self.send(ReplyEnded(number))
            else:
                return
        raise AssertionError("the conversation never comes to rest")


RandomConversation.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomConversation = RandomConversation.TestCase
