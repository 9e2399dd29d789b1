"""Translates a session's events into those of the Realtime protocol.

At `input_audio_buffer.speech_started` clients drop the audio they hold, so while a reply is pending
or plays it is sent only when the barge-in is confirmed; what was said over a reply without
interrupting it is told when the reply is over.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from vdx.core.audio import SPEAK_RATE
from vdx.core.errors import SessionLimit
from vdx.core.events import Pcm
from vdx.core.resample import Resampler
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
    SessionEnded,
    SessionEvent,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
    UtteranceStarted,
)
from vdx.dialog.transport import OutputFrame
from vdx.transports.realtime import events as ev
from vdx.transports.realtime.call_events import CallEvents
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.vdx_events import reply_ids, vdx_event

_NO_AUDIO = np.zeros(0, dtype=np.int16)
UNREMARKABLE = frozenset({"closed", "gone", "call_ended"})
"""Ends of a session that are no errors."""
CANCEL_REASONS = {"interrupted": "turn_detected", "client_cancelled": "client_cancelled"}


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
    """The Transport of one session; everything is sent through the outbox, in order."""

    def __init__(self, outbox: Outbox, settings: Callable[[], Settings]) -> None:
        self._outbox = outbox
        self._settings = settings
        self._held: dict[UtteranceIds, _Held] = {}
        self._replying = False
        self._started: set[UtteranceIds] = set()
        self._lengths: dict[UtteranceIds, int] = {}  # ms of audio, until the final transcript
        self._delivered: dict[UtteranceIds, int] = {}  # characters sent as deltas
        self._last_item: str | None = None
        self._before_last: str | None = None
        self._before_reply: str | None = None
        self._resampler: Resampler | None = None
        self._metadata: dict[str, str] | None = None
        self._calls = CallEvents(outbox.post, self._append)

    def next_metadata(self, metadata: dict[str, str] | None) -> None:
        """Sets the metadata that the client gave its next response."""
        self._metadata = metadata

    # --- Transport --------------------------------------------------------------------------

    async def play(self, frame: OutputFrame) -> None:
        """Sends one frame, resampled to the client's rate, as response.output_audio.delta."""
        rate = self._settings().output_rate
        if self._resampler is None or self._resampler.target_hz != rate:
            self._resampler = Resampler(SPEAK_RATE, rate)
        pcm = self._resampler.push(frame.pcm)
        await self._outbox.audio(frame.reply.number, self._audio_event(frame.reply, pcm), frame.due)

    def notify(self, event: SessionEvent) -> None:
        if self._settings().vdx_events and (text := vdx_event(event)) is not None:
            self._outbox.post(text)
        self._notify_of_speech(event)
        self._calls.notify(event)
        match event:
            case ReplyStarted(reply=reply):
                self._reply_started(reply)
            case ReplyClause(reply=reply, text=text):
                self._post("response.output_audio_transcript.delta", **_part(reply), delta=text)
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
            case UtteranceDropped(utterance=utterance):
                self._held.pop(utterance, None)
                self._lengths.pop(utterance, None)
            case PartialTranscript(utterance=utterance, text=text, stable=stable):
                self._send_delta(utterance, text[:stable])
            case FinalTranscript(utterance=utterance, text=text):
                self._send_transcript(utterance, text)
            case RecognitionFailed(utterance=utterance, error=error):
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
        self._started.discard(utterance)
        length_ms = at_ms + self._lengths.get(utterance, -at_ms)
        self._post(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=at_ms,
            item_id=utterance.item_id,
        )
        self.committed(utterance, length_ms)

    def committed(self, utterance: UtteranceIds, length_ms: int) -> None:
        """The utterance became an item of the conversation; its transcript follows."""
        self._lengths[utterance] = length_ms
        item_id = utterance.item_id
        previous = self._append(item_id)
        self._post("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        item = ev.audio_item(item_id, None)
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def item_added(self, previous: str | None, item: dict[str, Any]) -> None:
        """The client created an item."""
        self._append(item["id"])
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def item_deleted(self, item_id: str) -> None:
        """It is gone from the conversation, so that none can follow it."""
        if item_id == self._last_item:
            self._last_item, self._before_last = self._before_last, None
        self._post("conversation.item.deleted", item_id=item_id)

    def _append(self, item_id: str) -> str | None:
        """Takes the newest item of the conversation, and returns the one before it."""
        self._before_last, self._last_item = self._last_item, item_id
        return self._before_last

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
        self._delivered.pop(utterance, None)
        seconds = self._lengths.pop(utterance, 0) / 1000
        if self._settings().transcription:
            self._post(
                "conversation.item.input_audio_transcription.completed",
                item_id=utterance.item_id,
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": seconds},
            )

    # --- replies ----------------------------------------------------------------------------

    def _reply_started(self, reply: ReplyIds) -> None:
        self._resampler = None
        self._replying = True
        previous = self._before_reply = self._append(reply.item_id)
        item = ev.reply_item(reply.item_id, "in_progress", None)
        where = {"response_id": reply.response_id, "output_index": 0}
        self._post("response.created", response=self._response(reply, "in_progress", []))
        self._post("response.output_item.added", **where, item=item)
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        part = {"type": "audio", "transcript": ""}
        self._post("response.content_part.added", **_part(reply), part=part)

    def _reply_ended(self, ended: ReplyDone) -> None:
        reply, part = ended.reply, _part(ended.reply)
        self._replying = False
        if ended.status == "cancelled":
            self._outbox.drop_audio(reply.number)
            self._send_held()
        elif self._resampler is not None:
            tail = self._resampler.push(_NO_AUDIO, last=True)
            if tail.size:
                self._outbox.post(self._audio_event(reply, tail))
        self._resampler = None
        status = "completed" if ended.status == "completed" else "incomplete"
        item = ev.reply_item(reply.item_id, status, ended.text)
        self._post("response.output_audio.done", **part)
        self._post("response.output_audio_transcript.done", **part, transcript=ended.text)
        content = {"type": "audio", "transcript": ended.text}
        self._post("response.content_part.done", **part, part=content)
        self._post("conversation.item.done", previous_item_id=self._before_reply, item=item)
        where = {"response_id": reply.response_id, "output_index": 0}
        self._post("response.output_item.done", **where, item=item)
        details = _status_details(ended)
        output = [item, *self._calls.output()]
        response = self._response(reply, ended.status, output, details)
        self._post("response.done", response=response)
        self._metadata = None
        self._send_held()  # speech that began over the very end of a reply is a turn like any other

    def _response(
        self,
        reply: ReplyIds,
        status: str,
        output: list[dict[str, Any]],
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        rendered = self._settings().rendered(reply.session.realtime_id)
        return ev.response_object(reply, status, output, rendered, details, self._metadata)

    def _audio_event(self, reply: ReplyIds, pcm: Pcm) -> str:
        """Without the JSON encoder, which is slower: there are 50 a second for each session."""
        data = base64.b64encode(pcm.tobytes()).decode("ascii")
        return (
            f'{{"type":"response.output_audio.delta","event_id":"{ev.event_id()}",'
            f'"response_id":"{reply.response_id}","item_id":"{reply.item_id}",'
            f'"output_index":0,"content_index":0,"delta":"{data}"}}'
        )

    def _post(self, kind: str, **fields: Any) -> None:
        self._outbox.post(ev.encode(kind, **fields))


def _part(reply: ReplyIds) -> dict[str, Any]:
    return {**reply_ids(reply), "output_index": 0, "content_index": 0}


def _status_details(ended: ReplyDone) -> dict[str, Any] | None:
    if ended.status == "cancelled":
        return {"type": "cancelled", "reason": CANCEL_REASONS.get(ended.reason, ended.reason)}
    if ended.error is not None:
        error = {"type": "server_error", "code": ended.error.code, "message": ended.error.message}
        return {"type": "failed", "error": error}
    return None
