"""Tells a session's notices in the words of the Realtime protocol.

`input_audio_buffer.speech_started` makes clients throw away the audio they hold, so while a
reply is pending it is told only when the interruption is confirmed.
"""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from vdx.core.audio import SPEAK_RATE
from vdx.core.errors import SessionLimit
from vdx.core.events import Pcm
from vdx.core.resample import Resampler
from vdx.dialog.session import Session
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    PartialTranscript,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    SessionEnded,
    SessionEvent,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceStarted,
)
from vdx.transports.realtime import events as ev
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.vdx_events import vdx_event

_NO_AUDIO = np.zeros(0, dtype=np.int16)
CANCEL_REASONS = {"interrupted": "turn_detected", "client_cancelled": "client_cancelled"}


class RealtimePresenter:
    """The session's Audience; everything leaves through the outbox in order."""

    def __init__(self, outbox: Outbox, settings: Callable[[], Settings]) -> None:
        self._outbox = outbox
        self._settings = settings
        self._session: Session | None = None
        self._held: dict[int, int] = {}  # utterance -> at_ms, not told yet
        self._told: set[int] = set()
        self._lengths: dict[int, int] = {}  # utterance -> ms of audio, kept until its words come
        self._delivered: dict[int, int] = {}  # utterance -> characters told as deltas
        self._last_item: str | None = None
        self._before_reply: str | None = None
        self._resampler: Resampler | None = None
        self._metadata: dict[str, str] | None = None

    def attach(self, session: Session) -> None:
        self._session = session

    def next_metadata(self, metadata: dict[str, str] | None) -> None:
        """Metadata a client gave its next response."""
        self._metadata = metadata

    # --- Audience ---------------------------------------------------------------------------

    async def play(self, reply: int, row: Pcm, due: float) -> None:
        """One frame as response.output_audio.delta."""
        rate = self._settings().output_rate
        if self._resampler is None or self._resampler.target_hz != rate:
            self._resampler = Resampler(SPEAK_RATE, rate)
        await self._outbox.audio(reply, self._audio_event(reply, self._resampler.push(row)), due)

    def notify(self, notice: SessionEvent) -> None:
        if self._settings().vdx_events and (event := vdx_event(notice, self._ids)) is not None:
            self._outbox.post(event)
        match notice:
            case UtteranceStarted(utterance=number, at_ms=at_ms, interrupting=interrupting):
                self._held[number] = at_ms
                self._lengths[number] = -at_ms
                if not interrupting:
                    self._tell_started(number)
            case UtteranceEnded(utterance=number, at_ms=at_ms):
                self._utterance_ended(number, at_ms)
            case UtteranceDropped(utterance=number):
                self._held.pop(number, None)
                self._lengths.pop(number, None)
            case PartialTranscript(utterance=number, text=text, stable=stable):
                self._tell_heard(number, text[:stable])
            case FinalTranscript(utterance=number, text=text):
                self._tell_said(number, text)
            case RecognitionFailed(utterance=number, error=error):
                self._post(
                    "conversation.item.input_audio_transcription.failed",
                    item_id=self._utterance_id(number),
                    content_index=0,
                    error={"type": "server_error", "code": error.code, "message": error.message},
                )
            case ReplyStarted(reply=number):
                self._reply_started(number)
            case ReplyClause(reply=number, text=text):
                self._post(
                    "response.output_audio_transcript.delta", **self._part(number), delta=text
                )
            case ReplyDone():
                self._reply_ended(notice)
            case ItemsForgotten(items=items):
                for item_id in items:
                    self._post("conversation.item.deleted", item_id=item_id)
            case ErrorOccurred(error=error):
                self._outbox.post(ev.error_event(error))
            case SessionEnded(reason=reason) if reason not in ("closed", "gone"):
                limit = SessionLimit(f"the session ended: {reason.replace('_', ' ')}")
                self._outbox.post(ev.error_event(limit))

    # --- the person -------------------------------------------------------------------------

    def _tell_started(self, utterance: int) -> None:
        if (at_ms := self._held.pop(utterance, None)) is not None:
            self._told.add(utterance)
            self._post(
                "input_audio_buffer.speech_started",
                audio_start_ms=at_ms,
                item_id=self._utterance_id(utterance),
            )

    def _tell_held(self) -> None:
        for utterance in list(self._held):
            self._tell_started(utterance)

    def _utterance_ended(self, utterance: int, at_ms: int) -> None:
        if utterance not in self._told:
            return  # it may still turn out to be noise, which is never told
        self._told.discard(utterance)
        length_ms = at_ms + self._lengths.get(utterance, -at_ms)
        self._post(
            "input_audio_buffer.speech_stopped",
            audio_end_ms=at_ms,
            item_id=self._utterance_id(utterance),
        )
        self.committed(utterance, length_ms)

    def committed(self, utterance: int, length_ms: int) -> None:
        """The utterance became an item of the conversation; its words follow."""
        self._lengths[utterance] = length_ms
        item_id = self._utterance_id(utterance)
        previous, self._last_item = self._last_item, item_id
        self._post("input_audio_buffer.committed", previous_item_id=previous, item_id=item_id)
        item = ev.audio_item(item_id, None)
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def item_added(self, previous: str | None, item: dict[str, Any]) -> None:
        """An item the client created."""
        self._last_item = item["id"]
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        self._post("conversation.item.done", previous_item_id=previous, item=item)

    def _tell_heard(self, utterance: int, stable: str) -> None:
        """Deltas can only append, so only what is stable is told."""
        told = self._delivered.get(utterance, 0)
        if utterance in self._held or not self._settings().transcription or len(stable) <= told:
            return
        self._delivered[utterance] = len(stable)
        self._post(
            "conversation.item.input_audio_transcription.delta",
            item_id=self._utterance_id(utterance),
            content_index=0,
            delta=stable[told:],
        )

    def _tell_said(self, utterance: int, text: str) -> None:
        self._delivered.pop(utterance, None)
        seconds = self._lengths.pop(utterance, 0) / 1000
        if self._settings().transcription:
            self._post(
                "conversation.item.input_audio_transcription.completed",
                item_id=self._utterance_id(utterance),
                content_index=0,
                transcript=text,
                usage={"type": "duration", "seconds": seconds},
            )

    # --- replies ----------------------------------------------------------------------------

    def _reply_started(self, reply: int) -> None:
        self._resampler = None
        item_id = self._reply_id(reply)
        previous, self._last_item = self._last_item, item_id
        self._before_reply = previous
        item = ev.reply_item(item_id, "in_progress", None)
        where = {"response_id": self._response_id(reply), "output_index": 0}
        self._post("response.created", response=self._response(reply, "in_progress", []))
        self._post("response.output_item.added", **where, item=item)
        self._post("conversation.item.added", previous_item_id=previous, item=item)
        part = {"type": "audio", "transcript": ""}
        self._post("response.content_part.added", **self._part(reply), part=part)

    def _reply_ended(self, ended: ReplyDone) -> None:
        reply, part = ended.reply, self._part(ended.reply)
        if ended.status == "cancelled":
            self._outbox.drop_audio(reply)
            self._tell_held()
        elif self._resampler is not None:
            tail = self._resampler.push(_NO_AUDIO, last=True)
            if tail.size:
                self._outbox.post(self._audio_event(reply, tail))
        self._resampler = None
        status = "completed" if ended.status == "completed" else "incomplete"
        item = ev.reply_item(self._reply_id(reply), status, ended.text)
        self._post("response.output_audio.done", **part)
        self._post("response.output_audio_transcript.done", **part, transcript=ended.text)
        content = {"type": "audio", "transcript": ended.text}
        self._post("response.content_part.done", **part, part=content)
        self._post("conversation.item.done", previous_item_id=self._before_reply, item=item)
        where = {"response_id": self._response_id(reply), "output_index": 0}
        self._post("response.output_item.done", **where, item=item)
        details = _status_details(ended)
        response = self._response(reply, ended.status, [item], details)
        self._post("response.done", response=response)
        self._metadata = None
        self._tell_held()  # speech that began over the very end of a reply is a turn like any other

    def _response(
        self,
        reply: int,
        status: str,
        output: list[dict[str, Any]],
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        rendered = self._settings().rendered(self._live.id)
        return ev.response_object(
            self._response_id(reply), status, output, rendered, details, self._metadata
        )

    def _audio_event(self, reply: int, pcm: Pcm) -> str:
        """Written by hand: fifty of these a second and session deserve no JSON encoder."""
        data = base64.b64encode(pcm.tobytes()).decode("ascii")
        return (
            f'{{"type":"response.output_audio.delta","event_id":"{ev.event_id()}",'
            f'"response_id":"{self._response_id(reply)}","item_id":"{self._reply_id(reply)}",'
            f'"output_index":0,"content_index":0,"delta":"{data}"}}'
        )

    # --- ids --------------------------------------------------------------------------------

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise RuntimeError("the presenter was not attached to a session")
        return self._session

    def _utterance_id(self, utterance: int) -> str:
        return self._live.utterance_item(utterance)

    def _reply_id(self, reply: int) -> str:
        return self._live.reply_item(reply)

    def _response_id(self, reply: int) -> str:
        return f"resp_{self._live.id}_{reply}"

    def _ids(self, reply: int) -> dict[str, str]:
        return {"response_id": self._response_id(reply), "item_id": self._reply_id(reply)}

    def _part(self, reply: int) -> dict[str, Any]:
        return {**self._ids(reply), "output_index": 0, "content_index": 0}

    def _post(self, kind: str, **fields: Any) -> None:
        self._outbox.post(ev.encode(kind, **fields))


def _status_details(ended: ReplyDone) -> dict[str, Any] | None:
    if ended.status == "cancelled":
        return {"type": "cancelled", "reason": CANCEL_REASONS.get(ended.reason, ended.reason)}
    if ended.error is not None:
        error = {"type": "server_error", "code": ended.error.code, "message": ended.error.message}
        return {"type": "failed", "error": error}
    return None
