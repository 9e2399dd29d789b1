"""Translates a session's events into those of the Realtime protocol.

At `input_audio_buffer.speech_started` clients drop the audio they hold, so while a reply is pending
or plays it is sent only when the barge-in is confirmed; what was said over a reply without
interrupting it is told when the reply is over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vdx.core.errors import SessionLimit
from vdx.dialog.ids import ReplyIds, UtteranceIds
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    OptionsChanged,
    PartialTranscript,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    ReplyText,
    SessionEnded,
    SessionEvent,
    UserSilent,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
    UtteranceLeftOpen,
    UtteranceStarted,
)
from vdx.dialog.transport import OutputFrame
from vdx.transports.realtime import events as ev
from vdx.transports.realtime.call_events import CallEvents
from vdx.transports.realtime.mcp_events import McpEvents
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.reply_presenter import ReplyPresenter
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.vdx_events import vdx_event

UNREMARKABLE = frozenset({"closed", "gone", "call_ended"})
"""Ends of a session that are no errors."""


@dataclass(slots=True)
class _Held:
    """An utterance whose start was not sent yet, and what is known of it; times in ms of input.

    `kept`: it is a turn although it ended without an interruption.
    """

    at_ms: int
    end_ms: int | None = None
    text: str | None = None
    kept: bool = False

    @property
    def undecided(self) -> bool:
        """It is over, and may still turn out to be noise."""
        return self.end_ms is not None and not self.kept


class RealtimePresenter:
    """The Transport of one session; everything is sent through the outbox, in order.

    `before` gives the item of the conversation in front of another one.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: Callable[[], Settings],
        before: Callable[[str], str | None],
    ) -> None:
        self._outbox = outbox
        self._settings = settings
        self._before = before
        self._calls = CallEvents(outbox.post, before)
        self._mcp = McpEvents(self._calls, outbox.post, before)
        self._replies = ReplyPresenter(outbox, settings, before, self._calls)
        self._held: dict[UtteranceIds, _Held] = {}
        self._replying = False
        self._started: set[UtteranceIds] = set()
        self._lengths: dict[UtteranceIds, int] = {}  # ms of audio, until the final transcript
        self._delivered: dict[UtteranceIds, int] = {}  # characters sent as deltas

    # --- Transport --------------------------------------------------------------------------

    async def play(self, frame: OutputFrame) -> None:
        await self._replies.play(frame)

    def empty_reply(self, reply: ReplyIds) -> None:
        """A response that was asked for and has nothing to say."""
        self._replies.empty(reply)

    def notify(self, event: SessionEvent) -> None:
        if self._settings().vdx_events and (text := vdx_event(event)) is not None:
            self._outbox.post(text)
        self._notify_of_speech(event)
        self._calls.notify(event)
        self._mcp.notify(event)
        match event:
            case ReplyStarted(reply=reply):
                self._replying = self._replying or reply.number > 0
                self._replies.started(event)
            case ReplyClause():
                self._replies.clause(event)
            case ReplyText():
                self._replies.text(event)
            case ReplyDone():
                self._reply_ended(event)
            case OptionsChanged(session=ids):
                self._post("session.updated", session=self._settings().rendered(ids.realtime_id))
            case ItemsForgotten(items=items):
                for item_id in items:
                    self.item_deleted(item_id)
            case ErrorOccurred(error=error):
                self._outbox.post(ev.error_event(error))
            case SessionEnded(reason=reason) if reason not in UNREMARKABLE:
                limit = SessionLimit(f"the session ended: {reason.replace('_', ' ')}")
                self._outbox.post(ev.error_event(limit))

    # --- the user ---------------------------------------------------------------------------

    def _notify_of_speech(self, event: SessionEvent) -> None:
        match event:
            case UtteranceStarted(utterance=utterance, at_ms=at_ms, interrupting=interrupting):
                self._held[utterance] = _Held(at_ms)
                self._lengths[utterance] = -at_ms
                if not interrupting:
                    self._send_started(utterance)
            case UtteranceEnded(utterance=utterance, at_ms=at_ms):
                self._utterance_ended(utterance, at_ms)
            case UtteranceKept(utterance=utterance):
                self._keep(utterance)
            case UtteranceDropped(utterance=utterance, at_ms=at_ms):
                self._held.pop(utterance, None)
                self._forget(utterance)
                self._send_stopped(utterance, at_ms)
            case UserSilent(utterance=utterance, start_ms=start_ms, end_ms=end_ms):
                self._post(
                    "input_audio_buffer.timeout_triggered",
                    audio_start_ms=start_ms,
                    audio_end_ms=end_ms,
                    item_id=utterance.item_id,
                )
                self.committed(utterance, end_ms - start_ms, end_ms)
                self._forget(utterance)  # no transcript follows
            case UtteranceLeftOpen(utterance=utterance, at_ms=at_ms):
                self._held.pop(utterance, None)
                self._send_stopped(utterance, at_ms)
            case PartialTranscript(utterance=utterance, text=text, stable=stable):
                self._send_delta(utterance, text[:stable])
            case FinalTranscript(utterance=utterance, text=text):
                self._send_transcript(utterance, text)
            case RecognitionFailed(utterance=utterance, error=error):
                self._forget(utterance)
                self._post(
                    "conversation.item.input_audio_transcription.failed",
                    item_id=utterance.item_id,
                    content_index=0,
                    error={"type": "server_error", "code": error.code, "message": error.message},
                )

    def _send_started(self, utterance: UtteranceIds) -> None:
        """Sends the start of an utterance, and what has become known of it since."""
        if (held := self._held.pop(utterance, None)) is None:
            return
        self._started.add(utterance)
        self._post(
            "input_audio_buffer.speech_started",
            audio_start_ms=held.at_ms,
            item_id=utterance.item_id,
        )
        if held.end_ms is not None:
            self._utterance_ended(utterance, held.end_ms)
        if held.text is not None:
            self._send_transcript(utterance, held.text)

    def _send_held(self) -> None:
        for utterance in [found for found, held in self._held.items() if not held.undecided]:
            self._send_started(utterance)

    def _keep(self, utterance: UtteranceIds) -> None:
        if (held := self._held.get(utterance)) is not None:
            held.kept = True
            if not self._replying:
                self._send_started(utterance)

    def _utterance_ended(self, utterance: UtteranceIds, at_ms: int) -> None:
        if (held := self._held.get(utterance)) is not None:
            held.end_ms = at_ms  # it may still turn out to be noise, of which nothing is sent
        if utterance not in self._started:
            return
        length_ms = at_ms + self._lengths.get(utterance, -at_ms)
        self.committed(utterance, length_ms, at_ms)

    def _send_stopped(self, utterance: UtteranceIds, at_ms: int) -> None:
        """Sends the end of speech, where its start was sent."""
        if utterance not in self._started:
            return
        self._started.discard(utterance)
        self._post(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=at_ms,
            item_id=utterance.item_id,
        )

    def committed(self, utterance: UtteranceIds, length_ms: int, at_ms: int) -> None:
        """The utterance, over `at_ms` of the input, became an item; its transcript follows."""
        self._send_stopped(utterance, at_ms)
        self._lengths[utterance] = length_ms
        item_id = utterance.item_id
        previous = self._before(item_id)
        self._post("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        item = ev.audio_item(item_id, None)
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def item_added(self, previous: str | None, item: dict[str, Any]) -> None:
        """The client created an item."""
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def item_deleted(self, item_id: str) -> None:
        """It is gone from the conversation."""
        self._post("conversation.item.deleted", item_id=item_id)

    def _send_delta(self, utterance: UtteranceIds, stable: str) -> None:
        """Deltas can only append, so only what is stable is sent."""
        sent = self._delivered.get(utterance, 0)
        if utterance in self._held or not self._settings().transcription or len(stable) <= sent:
            return
        self._delivered[utterance] = len(stable)
        self._post(
            "conversation.item.input_audio_transcription.delta",
            item_id=utterance.item_id,
            content_index=0,
            delta=stable[sent:],
        )

    def _send_transcript(self, utterance: UtteranceIds, text: str) -> None:
        if (held := self._held.get(utterance)) is not None:
            held.text = text
            return
        seconds = self._forget(utterance) / 1000
        if self._settings().transcription:
            self._post(
                "conversation.item.input_audio_transcription.completed",
                item_id=utterance.item_id,
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": seconds},
            )

    def _forget(self, utterance: UtteranceIds) -> int:
        """What was kept until its transcript; returns its length in ms."""
        self._delivered.pop(utterance, None)
        return self._lengths.pop(utterance, 0)

    def _reply_ended(self, ended: ReplyDone) -> None:
        self._replies.stopped(ended)
        if ended.reply.number > 0:
            self._replying = False
            if ended.status == "cancelled":
                self._send_held()
        self._replies.done(ended)
        if not self._replying:
            self._send_held()  # speech begun over the very end of a reply is a turn like any other

    def _post(self, kind: str, **fields: Any) -> None:
        self._outbox.post(ev.encode(kind, **fields))
