"""The turns of a session that are not over yet: which one lines and spans belong to.

A turn begins with an utterance, with a text that was typed, or with a reply that nobody asked for
in speech (a greeting). What is said over a reply begins a turn that waits behind the one whose
reply plays. A turn is over with its reply, when it turns out to be none (noise, nothing
understood), or with the next one where nothing answered it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from vdx.core.events import ReplyAudible, SpeechEnded, StageEvent
from vdx.core.log_ids import LogIds
from vdx.core.tracing import TurnSpan, begin_turn
from vdx.dialog.session_events import (
    FinalTranscript,
    RecognitionFailed,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    SessionEvent,
    TurnTimed,
    UtteranceDropped,
)
from vdx.dialog.turn_events import ReplyRequested, TurnEvent, UserText

MOST_OPEN: Final = 8
"""Turns that may be open at once; the oldest of more is closed."""


@dataclass(slots=True)
class _Turn:
    number: int
    utterance: int | None
    span: TurnSpan | None
    replied: bool = False
    audible_at: float | None = None


class OpenTurns:
    """Keeps the session's `ids` current; `clock` and `time_at` as in the session's dispatcher."""

    def __init__(
        self, ids: LogIds, clock: Callable[[], float], time_at: Callable[[int], float]
    ) -> None:
        self._ids = ids
        self._clock = clock
        self._time_at = time_at
        self._open: deque[_Turn] = deque()
        self._count = 0

    def begin(self, utterance: int | None, ago_s: float = 0.0, *, behind: bool = False) -> LogIds:
        """Begins a turn `ago_s` seconds ago and returns the ids of what is done for it.

        `behind`: a reply is under way, whose turn is not over.
        """
        while self._open and (not behind or len(self._open) >= MOST_OPEN):
            _close(self._open.popleft(), "unanswered")
        self._count += 1
        span = begin_turn(ago_s, session=self._ids.session, turn=self._count)
        turn = _Turn(self._count, utterance, span)
        self._open.append(turn)
        self._follow()
        return replace(self._ids, turn=turn.number, reply=0, span=span)

    def happened(self, event: StageEvent | TurnEvent | SessionEvent, *, replying: bool) -> None:
        """Follows what a stage or the client says, before it is acted on."""
        match event:
            case SpeechEnded(utterance=utterance, at=at):
                self._speech_ended(utterance, at)
            case ReplyAudible() if self._open:
                self._open[0].audible_at = self._clock()
            case UserText():
                self.begin(None, behind=replying)
            case ReplyRequested() if not replying and (not self._open or self._open[0].replied):
                self.begin(None)
            case _:
                pass

    def told(self, event: SessionEvent) -> None:
        """Follows what the transport is told; replies beside the conversation belong to no turn."""
        match event:
            case ReplyStarted(reply=ids) | ReplyDone(reply=ids) if ids.number < 0:
                pass
            case ReplyStarted(reply=ids):
                self._ids.reply = ids.number
                if self._open:
                    self._open[0].replied = True
            case TurnTimed(speech_end_to_first_audio_ms=gap) if self._open:
                if span := self._open[0].span:
                    span.stage("gap", gap / 1000, ms=gap)
            case ReplyDone():
                self._reply_done(event)
            case UtteranceDropped(utterance=ids):
                self._end(ids.number, "dropped")
            case FinalTranscript(utterance=ids, text=""):
                self._end(ids.number, "nothing understood")
            case RecognitionFailed(utterance=ids):
                self._end(ids.number, "recogniser failed")
            case SessionEnded():
                self._end_all("session ended")
            case _:
                pass

    def _speech_ended(self, utterance: int, at: int) -> None:
        """Speech up to the last sample of it, and the silence that was waited after it."""
        turn = next((turn for turn in self._open if turn.utterance == utterance), None)
        if turn is not None and turn.span is not None:
            turn.span.stage("endpointing", self._clock() - self._time_at(at))

    def _reply_done(self, event: ReplyDone) -> None:
        self._ids.reply = 0
        if not self._open or not self._open[0].replied:
            return
        turn = self._open.popleft()
        if turn.span is not None and turn.audible_at is not None:
            since = self._clock() - turn.audible_at
            turn.span.stage("playout", since, played_ms=event.played_ms)
        _close(turn, event.reason or event.status)
        self._follow()

    def _end(self, utterance: int, outcome: str) -> None:
        for turn in [turn for turn in self._open if turn.utterance == utterance]:
            if not turn.replied:
                self._open.remove(turn)
                _close(turn, outcome)
        self._follow()

    def _end_all(self, outcome: str) -> None:
        while self._open:
            _close(self._open.popleft(), outcome)
        self._follow()

    def _follow(self) -> None:
        """The oldest open turn is the one under way; without one, the last one's number stays."""
        if self._open:
            self._ids.turn, self._ids.span = self._open[0].number, self._open[0].span
        else:
            self._ids.span = None


def _close(turn: _Turn, outcome: str) -> None:
    if turn.span is not None:
        turn.span.end(outcome=outcome)
