"""Translates a session's replies into the events of the Realtime protocol, spoken and written."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from vdx.core.audio import SPEAK_RATE
from vdx.core.events import Pcm
from vdx.core.resample import Resampler
from vdx.dialog.ids import ReplyIds
from vdx.dialog.reply_request import AS_SESSION, ReplyRequest
from vdx.dialog.session_events import ReplyClause, ReplyDone, ReplyStarted, ReplyText
from vdx.dialog.transport import OutputFrame
from vdx.transports.realtime import events as ev
from vdx.transports.realtime.call_events import CallEvents
from vdx.transports.realtime.outbox import Outbox
from vdx.transports.realtime.settings import Settings
from vdx.transports.realtime.usage import usage_of
from vdx.transports.realtime.vdx_events import reply_ids

_NO_AUDIO = np.zeros(0, dtype=np.int16)
CANCEL_REASONS = {"interrupted": "turn_detected", "client_cancelled": "client_cancelled"}
STATUS = {"completed": "completed"}
"""Of the item of a reply, by that of the reply; any other is incomplete."""


class ReplyPresenter:
    """`before` gives the item of the conversation in front of another one; `calls` tells of the
    client's calls.
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: Callable[[], Settings],
        before: Callable[[str], str | None],
        calls: CallEvents,
    ) -> None:
        self._calls = calls
        self._outbox = outbox
        self._settings = settings
        self._before = before
        self._own: dict[ReplyIds, ReplyRequest] = {}  # of the replies under way
        self._resampler: Resampler | None = None

    async def play(self, frame: OutputFrame) -> None:
        """Sends one frame, resampled to the client's rate, as response.output_audio.delta."""
        rate = self._settings().output_format.rate
        if self._resampler is None or self._resampler.target_hz != rate:
            self._resampler = Resampler(SPEAK_RATE, rate)
        pcm = self._resampler.push(frame.pcm)
        await self._outbox.audio(frame.reply.number, self._audio_event(frame.reply, pcm), frame.due)

    def started(self, event: ReplyStarted) -> None:
        """A reply begins; nothing of it is heard yet."""
        reply, own = event.reply, event.own
        self._own[reply] = own
        if not own.text_only:
            self._resampler = None
        item = ev.reply_item(reply.item_id, "in_progress", None)
        self._post("response.created", response=self._response(reply, "in_progress", []))
        self._post("response.output_item.added", **_output(reply), item=item)
        if own.in_conversation:
            previous = self._before(reply.item_id)
            self._post("conversation.item.added", previous_item_id=previous, item=item)
        part = {"type": "text", "text": ""} if own.text_only else _audio_part("")
        self._post("response.content_part.added", **_part(reply), part=part)

    def empty(self, reply: ReplyIds) -> None:
        """A response that was asked for and has nothing to say."""
        self._post("response.created", response=self._response(reply, "in_progress", []))
        self._post("response.done", response=self._response(reply, "completed", []))

    def clause(self, event: ReplyClause) -> None:
        """The first frame of a clause is about to be sent."""
        part = _part(event.reply)
        self._post("response.output_audio_transcript.delta", **part, delta=event.text)

    def text(self, event: ReplyText) -> None:
        """A piece of a written reply."""
        self._post("response.output_text.delta", **_part(event.reply), delta=event.text)

    def stopped(self, ended: ReplyDone) -> None:
        """No more audio of the reply is sent: what waits of a cancelled one is dropped."""
        reply = ended.reply
        if self._own.get(reply, AS_SESSION).text_only:
            return
        if ended.status == "cancelled":
            self._outbox.drop_audio(reply.number)
        elif self._resampler is not None:
            tail = self._resampler.push(_NO_AUDIO, last=True)
            if tail.size:
                self._outbox.post(self._audio_event(reply, tail))
        self._resampler = None

    def done(self, ended: ReplyDone) -> None:
        """The reply is over, after `stopped`."""
        reply, part, text = ended.reply, _part(ended.reply), ended.text
        own = self._own.get(reply, AS_SESSION)
        written = bool(own.text_only)
        status = STATUS.get(ended.status, "incomplete")
        item = ev.reply_item(reply.item_id, status, text, written=written)
        if written:
            self._post("response.output_text.done", **part, text=text)
            content = {"type": "text", "text": text}
        else:
            self._post("response.output_audio.done", **part)
            self._post("response.output_audio_transcript.done", **part, transcript=text)
            content = _audio_part(text)
        self._post("response.content_part.done", **part, part=content)
        if own.in_conversation:
            previous = self._before(reply.item_id)
            self._post("conversation.item.done", previous_item_id=previous, item=item)
        self._post("response.output_item.done", **_output(reply), item=item)
        details = _status_details(ended)
        output = [item, *self._calls.output(reply)]
        response = self._response(reply, ended.status, output, details)
        response["usage"] = usage_of(ended, written=written)
        self._post("response.done", response=response)
        self._own.pop(reply, None)

    def _response(
        self,
        reply: ReplyIds,
        status: str,
        output: list[dict[str, Any]],
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        rendered = self._settings().rendered(reply.session.realtime_id)
        own = self._own.get(reply, AS_SESSION)
        return ev.response_object(reply, status, output, rendered, own, details)

    def _audio_event(self, reply: ReplyIds, pcm: Pcm) -> str:
        """Without the JSON encoder, which is slower: there are 50 a second for each session."""
        raw = self._settings().output_format.encode(pcm)
        data = base64.b64encode(raw).decode("ascii")
        return (
            f'{{"type":"response.output_audio.delta","event_id":"{ev.event_id()}",'
            f'"response_id":"{reply.response_id}","item_id":"{reply.item_id}",'
            f'"output_index":0,"content_index":0,"delta":"{data}"}}'
        )

    def _post(self, kind: str, **fields: Any) -> None:
        self._outbox.post(ev.encode(kind, **fields))


def _output(reply: ReplyIds) -> dict[str, Any]:
    return {"response_id": reply.response_id, "output_index": 0}


def _part(reply: ReplyIds) -> dict[str, Any]:
    return {**reply_ids(reply), "output_index": 0, "content_index": 0}


def _audio_part(transcript: str) -> dict[str, Any]:
    return {"type": "audio", "transcript": transcript}


def _status_details(ended: ReplyDone) -> dict[str, Any] | None:
    if ended.status == "cancelled":
        return {"type": "cancelled", "reason": CANCEL_REASONS.get(ended.reason, ended.reason)}
    if ended.error is not None:
        error = {"type": "server_error", "code": ended.error.code, "message": ended.error.message}
        return {"type": "failed", "error": error}
    if ended.status == "incomplete":
        return {"type": "incomplete", "reason": "max_output_tokens"}
    return None
