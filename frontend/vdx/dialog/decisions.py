"""Carries out the turn machine's decisions: on the stages, the history and the limits."""

from collections import deque
from collections.abc import Callable

from vdx.core.logs import logger
from vdx.dialog.hearing import Hearing
from vdx.dialog.history import History, Item
from vdx.dialog.ids import SessionIds
from vdx.dialog.limits import Limits
from vdx.dialog.session_events import (
    FinalTranscript,
    ItemsForgotten,
    SessionEvent,
    UtteranceDropped,
    UtteranceKept,
)
from vdx.dialog.speaking import Speaking
from vdx.dialog.trace import TurnTrace
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
from vdx.dialog.turn_events import SessionOver

log = logger(__name__)

HUNG_UP = "call_ended"
"""The reason of a session that the agent ends."""
RECENT = 8
"""Utterances that may become items before an earlier one, which was said over a reply."""


class DecisionHandler:
    """Emits what happens on the way; calls `end` with the reason when the session is to end."""

    def __init__(
        self,
        hearing: Hearing,
        speaking: Speaking,
        history: History,
        trace: TurnTrace,
        limits: Limits,
        ids: SessionIds,
        emit: Callable[[SessionEvent | SessionOver], None],
        end: Callable[[str], None],
    ) -> None:
        self._hearing = hearing
        self._speaking = speaking
        self._history = history
        self._trace = trace
        self._limits = limits
        self._ids = ids
        self._emit = emit
        self._end = end
        self.turns = 0
        """Replies that were released to playout."""
        self._opened: deque[int] = deque(maxlen=RECENT)

    def carry_out(self, decision: TurnDecision) -> None:
        """Does what one decision says."""
        speaking = self._speaking
        match decision:
            case PrepareReply(reply=number, text=text):
                self._trace.restart_reply()
                speaking.start(number, transcript=text)
            case StartReply():
                self._trace.restart_reply()
                speaking.start(
                    decision.reply,
                    instructions=decision.instructions,
                    say=decision.say,
                    own=decision.own,
                )
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
            case ForgetReply(reply=number):
                self._forget(self._ids.reply(number).item_id)
            case EndSession(reason=reason):
                self._end(reason)
            case _:
                self._carry_out_for_user(decision)

    def _carry_out_for_user(self, decision: TurnDecision) -> None:
        """Does what a decision about an utterance says."""
        hearing = self._hearing
        match decision:
            case SetEndpoint(utterance=number, silence_ms=silence_ms):
                hearing.set_endpoint(number, silence_ms)
            case FinishUtterance(utterance=number, over_reply=over_reply):
                if not over_reply:
                    self._open_item(number)
                hearing.finish(number)
            case AbandonUtterance(utterance=number):
                hearing.abandon(number)
                self._trace.drop(number)
                ids = self._ids.utterance(number)
                self._emit(UtteranceDropped(ids, hearing.position_ms))
            case KeepUtterance(utterance=number, text=text):
                ids = self._ids.utterance(number)
                self._open_item(number)
                self._emit(UtteranceKept(ids, text))
                self._emit(FinalTranscript(ids, text))
            case CommitUser(text=text, utterance=number):
                self._commit_user(text, number)

    def finish(self, now: float, *, reply_over: bool) -> None:
        """Checks limits after an event, at `now`; `reply_over`: it ended a reply."""
        self._limits.touch(now)
        if reply_over:
            self._limit_history()
            if self._limits.messages_used_up:
                self._emit(SessionOver("max_messages"))
            if self._speaking.ends_call:
                self._emit(SessionOver(HUNG_UP))

    def _release(self) -> None:
        self._limits.messages += 1
        self.turns += 1
        self._speaking.release()

    def _commit_user(self, text: str, utterance: int | None) -> None:
        self._limits.messages += 1
        self._speaking.user_turn.commit(utterance, text)
        if utterance is None:
            self._history.put(Item(self._ids.typed_item(self._limits.messages), "user", text))
        else:
            # Its item is there since the utterance ended, unless the client has deleted it.
            item = self._history.find(self._ids.utterance(utterance).item_id)
            if item is not None:
                item.text = text
                if self._history.is_answered(item.id):  # typed words were, before these were known
                    self._history.put(item)
        self._limit_history()

    def _open_item(self, utterance: int) -> None:
        """Makes an utterance an item, whose text follows, in the order in which they were said."""
        later = sorted(number for number in self._opened if number > utterance)
        before = [self._ids.utterance(number).item_id for number in later]
        item_id = self._ids.utterance(utterance).item_id
        self._history.put(Item(item_id, "user", spoken=True), before)
        self._opened.append(utterance)

    def _forget(self, item_id: str) -> None:
        """Removes a reply, unless the client has done so already, and says it.

        What the server has done in it stays known: only its words are taken back.
        """
        item = self._history.find(item_id)
        if item is not None and item.calls:
            item.text = item.source = ""
        elif self._history.forget(item_id):
            self._emit(ItemsForgotten((item_id,)))

    def _limit_history(self) -> None:
        """Removes the oldest items above `session.max_history_bytes`, and says which."""
        if removed := self._history.make_room(self._limits.max_history_bytes):
            log.warning("history is full", session=self._ids.session_id, removed=len(removed))
            self._emit(ItemsForgotten(tuple(removed)))
