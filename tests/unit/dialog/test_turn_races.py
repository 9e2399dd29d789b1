"""The races the turn machine must survive, and what the policy changes."""

from dataclasses import replace

import pytest

from tests.unit.dialog.turns import (
    BARGED,
    BARGED_IN,
    BARGED_PENDING,
    CUT_OFF,
    ERROR,
    HEARD,
    IDLE,
    LISTENING,
    OVER,
    PENDING,
    PLAYING,
    POLICY,
    PREPARED,
    SPEAKING,
    TERMINATED,
    WAITING,
    Row,
    end,
    failed,
    final,
    flushed,
    machine_after,
    partial,
    pause,
    resume,
    start,
)
from vdx.core.events import (
    ReplyAudible,
    ReplyEnded,
    SpeechLasted,
)
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
    ResumeReply,
    SpeakReply,
    StartReply,
)
from vdx.dialog.turn_events import (
    InterruptRequested,
    ReplyRequested,
    SessionOver,
    TurnEvent,
    UserText,
    UtteranceCleared,
)

SAID_OVER = [*BARGED, SpeechLasted(2, 300), pause(2), end(2)]
"""300 ms of speech over the reply, 5 s after its first sound, that did not interrupt it."""

RACES: dict[str, Row] = {
    "words over a reply are a turn": (
        SAID_OVER,
        final(2, "nine"),
        SPEAKING,
        [KeepUtterance(2, "nine"), CommitUser("nine", 2)],
    ),
    "and are answered when it is over": (
        [*SAID_OVER, final(2, "nine")],
        ReplyEnded(1, played_ms=9000),
        LISTENING,
        [StartReply(2)],
    ),
    "words that come when the reply is over": (
        [*SAID_OVER, ReplyEnded(1, played_ms=9000)],
        final(2, "nine"),
        LISTENING,
        [KeepUtterance(2, "nine"), CommitUser("nine", 2), StartReply(2)],
    ),
    "nothing understood over a reply": (SAID_OVER, final(2, ""), SPEAKING, [AbandonUtterance(2)]),
    "the recogniser failed over a reply": (SAID_OVER, failed(2), SPEAKING, [AbandonUtterance(2)]),
    "a listening sound waits for the end of the reply": (SAID_OVER, final(2, "mhm"), SPEAKING, []),
    "a listening sound in the middle of a reply": (
        [*SAID_OVER, final(2, "mhm")],
        ReplyEnded(1, played_ms=9000),
        WAITING,
        [AbandonUtterance(2)],
    ),
    "a listening sound whose reply is over": (
        [*SAID_OVER, ReplyEnded(1, played_ms=9000)],
        final(2, "mhm"),
        WAITING,
        [AbandonUtterance(2)],
    ),
    "a listening sound whose reply is interrupted": (
        [*SAID_OVER, final(2, "mhm"), start(3)],
        SpeechLasted(3, 600),
        LISTENING,
        [CancelReply(1, "interrupted"), AbandonUtterance(2)],
    ),
    "a listening sound as the reply ends answers it": (
        [*SAID_OVER, final(2, "mhm")],
        ReplyEnded(1, played_ms=5400),
        LISTENING,
        [KeepUtterance(2, "mhm"), CommitUser("mhm", 2), StartReply(2)],
    ),
    "a listening sound over a reply that breaks off": (
        [*SAID_OVER, final(2, "mhm")],
        ReplyEnded(1, ERROR),
        WAITING,
        [AbandonUtterance(2)],
    ),
    "noise that cut a reply short, after the answer to what was typed since": (
        [
            *[*CUT_OFF, SpeechLasted(2, 600), UserText("hi")],
            *[pause(2), end(2), final(2, ""), ReplyAudible(2)],
        ],
        ReplyEnded(2, played_ms=900),
        WAITING,
        [],
    ),
    "words that cut a reply short, after another was asked for": (
        [*CUT_OFF, SpeechLasted(2, 600), ReplyRequested(), pause(2)],
        flushed(2, "and more"),
        LISTENING,
        [ForgetReply(1)],
    ),
    "a listening sound that is understood when the reply has ended answers it": (
        [*SAID_OVER, ReplyEnded(1, played_ms=5400)],
        final(2, "mhm"),
        LISTENING,
        [KeepUtterance(2, "mhm"), CommitUser("mhm", 2), StartReply(2)],
    ),
    "an interrupt word that is understood late": (
        SAID_OVER,
        final(2, "stop"),
        LISTENING,
        [
            KeepUtterance(2, "stop"),
            CancelReply(1, "interrupted"),
            CommitUser("stop", 2),
            StartReply(2),
        ],
    ),
    "sounds that turn out to be words": (
        [*BARGED, partial(2, "uh"), SpeechLasted(2, 900), pause(2), end(2)],
        final(2, "uh because"),
        LISTENING,
        [
            KeepUtterance(2, "uh because"),
            CancelReply(1, "interrupted"),
            CommitUser("uh because", 2),
            StartReply(2),
        ],
    ),
    "words before the first sound of a reply belong to the turn": (
        [*BARGED_PENDING, SpeechLasted(2, 300), pause(2), end(2)],
        final(2, "please"),
        LISTENING,
        [
            KeepUtterance(2, "please"),
            CancelReply(1, "interrupted"),
            CommitUser("please", 2),
            StartReply(2),
        ],
    ),
    "an interruption in two bursts": (
        [*SAID_OVER, start(3), final(2, "go for"), SpeechLasted(3, 600), pause(3), end(3)],
        final(3, "go somewhere"),
        LISTENING,
        [CommitUser("go somewhere", 3), StartReply(2)],
    ),
    "the first burst is understood last": (
        [*SAID_OVER, start(3), SpeechLasted(3, 600), pause(3), end(3), final(3, "go somewhere")],
        final(2, "go for"),
        LISTENING,
        [KeepUtterance(2, "go for"), CommitUser("go for", 2), StartReply(2)],
    ),
    "words over a reply that the client cancels stay": (
        [*SAID_OVER, final(2, "nine")],
        InterruptRequested(),
        WAITING,
        [CancelReply(1, "client_cancelled")],
    ),
    "words over a reply are taken back": (
        SAID_OVER,
        UtteranceCleared(2),
        SPEAKING,
        [AbandonUtterance(2)],
    ),
    "noise after the turn, before the reply's first audio": (
        [*BARGED_PENDING, SpeechLasted(2, 300), pause(2), flushed(2, ""), end(2)],
        ReplyAudible(1),
        SPEAKING,
        [],
    ),
    "pause before the first frame was sent": (
        [*BARGED_PENDING, ReplyAudible(1), pause(2)],
        end(2),
        SPEAKING,
        [FinishUtterance(2, over_reply=True), ResumeReply(1)],
    ),
    "interruption of a pending reply: both turns are answered together": (
        [*BARGED_PENDING, SpeechLasted(2, 700), pause(2), end(2)],
        final(2, "and more"),
        LISTENING,
        [CommitUser("and more", 2), StartReply(2)],
    ),
    "interruption of a pending reply without words: the first turn is answered": (
        [*BARGED_PENDING, SpeechLasted(2, 700), pause(2), end(2)],
        final(2, ""),
        LISTENING,
        [StartReply(2)],
    ),
    "a second interruption while resuming": (
        [*BARGED, pause(2), end(2)],
        start(3),
        BARGED_IN,
        [PauseReply(1)],
    ),
    "the second interruption is confirmed": (
        [*BARGED, pause(2), end(2), start(3)],
        SpeechLasted(3, 600),
        LISTENING,
        [CancelReply(1, "interrupted")],
    ),
    "words of the first interruption do not count for the second": (
        [*BARGED, partial(2, "uh"), end(2), start(3), SpeechLasted(3, 100)],
        partial(2, "stop"),
        BARGED_IN,
        [],
    ),
    "onset at the very end: the speech is a turn": (
        [*BARGED, ReplyEnded(1), pause(2)],
        end(2),
        LISTENING,
        [FinishUtterance(2)],
    ),
    "a final that comes late, after the person spoke again": (
        [*HEARD, start(2)],
        final(1, "hello"),
        LISTENING,
        [CommitUser("hello", 1)],
    ),
    "a late final is answered with the next": (
        [*HEARD, start(2), final(1, "hello"), end(2)],
        final(2, "you there"),
        LISTENING,
        [CommitUser("you there", 2), StartReply(1)],
    ),
    "finals in the wrong order": (
        [*HEARD, start(2), end(2), final(2, "you there")],
        final(1, "hello"),
        LISTENING,
        [CommitUser("hello", 1), StartReply(1)],
    ),
    "a final after the reply began": (
        [*HEARD, UserText("hi"), ReplyAudible(1)],
        final(1, "hello"),
        SPEAKING,
        [CommitUser("hello", 1)],
    ),
    "a final after the reply began is answered after it": (
        [*HEARD, UserText("hi"), ReplyAudible(1), final(1, "hello")],
        ReplyEnded(1),
        LISTENING,
        [StartReply(2)],
    ),
    "a final that comes twice": (PLAYING, final(1, "hello"), SPEAKING, []),
    "the person goes on when the preemptive reply has started": (
        [*PREPARED, resume(1), pause(1), flushed(1, "hello there"), end(1)],
        final(1, "hello there"),
        LISTENING,
        [CommitUser("hello there", 1), SpeakReply(2)],
    ),
    "a speculative transcript that comes when the person goes on": (
        [start(1), pause(1), resume(1)],
        flushed(1, "hello"),
        LISTENING,
        [],
    ),
    "a speculative transcript that comes after the end": (
        HEARD,
        flushed(1, "hello"),
        LISTENING,
        [],
    ),
    "words without voice activity": ([], partial(1, "ghost"), IDLE, []),
    "speculative words without voice activity": (OVER, flushed(1, "ghost"), WAITING, []),
    "final words without voice activity": (OVER, final(7, "ghost"), WAITING, []),
    "words without voice activity over a reply": (PLAYING, partial(1, "stop"), SPEAKING, []),
    "a reply cancelled before it began": (
        PENDING,
        InterruptRequested(),
        WAITING,
        [CancelReply(1, "client_cancelled")],
    ),
    "a frame of a reply cancelled before it began": (
        [*PENDING, InterruptRequested()],
        ReplyAudible(1),
        WAITING,
        [],
    ),
    "the end of a reply that was cancelled": (
        [*BARGED, SpeechLasted(2, 600)],
        ReplyEnded(1),
        LISTENING,
        [],
    ),
    "the session limit while speaking": (
        PLAYING,
        SessionOver("max_session_duration"),
        TERMINATED,
        [CancelReply(1, "max_session_duration"), EndSession("max_session_duration")],
    ),
    "the session limit while paused": (
        BARGED,
        SessionOver("idle_timeout"),
        TERMINATED,
        [CancelReply(1, "idle_timeout"), EndSession("idle_timeout")],
    ),
    "an end of speech that belongs to another utterance": (BARGED, end(1), BARGED_IN, []),
    "an onset without the end of the one before": (
        [start(1)],
        start(2),
        LISTENING,
        [FinishUtterance(1)],
    ),
    "an onset over a reply without the end of the one before": (
        BARGED,
        start(3),
        BARGED_IN,
        [FinishUtterance(2, over_reply=True), ResumeReply(1), PauseReply(1)],
    ),
    "an onset that comes twice": (BARGED, start(2), BARGED_IN, []),
    "a prepared reply that broke is replaced": (
        [*PREPARED, ReplyEnded(1, ERROR), end(1)],
        final(1, "hello"),
        LISTENING,
        [CommitUser("hello", 1), StartReply(2)],
    ),
    "a preemptive reply answers its turn once": (
        [*PREPARED, end(1), final(1, "hello"), ReplyAudible(1)],
        ReplyEnded(1),
        WAITING,
        [],
    ),
    "typed while a reply that was asked for waits: one answer": (
        [*HEARD, ReplyRequested("brief"), UserText("hi"), final(1, ""), ReplyAudible(1)],
        ReplyEnded(1),
        WAITING,
        [],
    ),
    "a reply asked for in the turn is given once": (
        [*HEARD, ReplyRequested(), start(2), final(1, "hello"), pause(2)],
        flushed(2, "you"),
        LISTENING,
        [],
    ),
}


@pytest.mark.parametrize("name", RACES)
def test_transition(name: str) -> None:
    before, event, state, decisions = RACES[name]
    machine = machine_after(before)
    assert machine.handle(event) == decisions
    assert machine.state is state


def test_calibrated_words_confirm() -> None:
    machine = machine_after(BARGED, words_confirm=True)
    assert machine.handle(partial(2, "uh")) == []
    assert machine.handle(partial(2, "uh because")) == [CancelReply(1, "interrupted")]


def test_without_barge_in_speech_is_answered_after_the_reply() -> None:
    machine = machine_after(PLAYING, barge_in=False)
    assert machine.handle(start(2)) == []
    assert machine.handle(SpeechLasted(2, 5000)) == []
    assert machine.handle(end(2)) == [FinishUtterance(2)]
    assert machine.handle(final(2, "and you")) == [CommitUser("and you", 2)]
    assert machine.state is SPEAKING
    assert machine.handle(ReplyEnded(1)) == [StartReply(2)]


def test_without_auto_reply_a_turn_waits_to_be_answered() -> None:
    machine = machine_after([start(1), pause(1)], auto_reply=False)
    assert machine.handle(flushed(1, "hello")) == []
    machine.handle(end(1))
    assert machine.handle(final(1, "hello")) == [CommitUser("hello", 1)]
    assert machine.state is WAITING
    assert machine.handle(ReplyRequested()) == [StartReply(1)]


def test_auto_reply_switched_off_after_a_reply_was_prepared() -> None:
    machine = machine_after([*PREPARED, end(1)])
    machine.policy = replace(POLICY, auto_reply=False)
    assert machine.handle(final(1, "hello")) == [CommitUser("hello", 1), DiscardReply(1)]


def test_without_preemption_nothing_is_prepared() -> None:
    machine = machine_after([start(1), pause(1)], preemptive=False)
    assert machine.handle(flushed(1, "hello")) == []


@pytest.mark.parametrize(
    ("events", "thinking", "active"),
    [
        ([], False, None),
        ([start(1)], False, None),
        (PREPARED, False, None),
        (HEARD, True, None),
        (PENDING, True, 1),
        (PLAYING, False, 1),
        (BARGED, False, 1),
        (OVER, False, None),
    ],
)
def test_thinking_lasts_from_the_end_of_the_turn_to_the_first_audio(
    events: list[TurnEvent], thinking: bool, active: int | None
) -> None:
    machine = machine_after(events)
    assert (machine.thinking, machine.active_reply) == (thinking, active)
