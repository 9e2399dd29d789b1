"""The record of one conversation: transcripts, replies, timings, errors."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]


@dataclass(slots=True)
class Reply:
    """One response; times are `time.monotonic()` seconds of arrival, 0.0 when not seen."""

    id: str
    created: float
    first_audio: float = 0.0
    last_audio: float = 0.0
    done: float = 0.0
    status: str = "in_progress"
    text: str = ""
    after_end: int = 0
    """Bytes of audio that came after its end or after `cut`."""
    cut: float = 0.0
    """When the client was told to throw its audio away."""


@dataclass(slots=True)
class Heard:
    """One utterance as the recogniser understood it."""

    item_id: str
    text: str
    at: float


@dataclass(slots=True)
class ConversationLog:
    """Fed every server event in order with its time of arrival."""

    replies: dict[str, Reply] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    turns: list[Event] = field(default_factory=list)
    errors: list[Event] = field(default_factory=list)
    vdx: list[tuple[float, Event]] = field(default_factory=list)
    """The vdx.* events but those of the level meter."""
    _seen: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def count(self, kind: str) -> int:
        return len(self._seen.get(kind, ()))

    def first(self, kind: str) -> float:
        return self._seen[kind][0]

    def times(self, kind: str) -> list[float]:
        """When events of this type arrived."""
        return list(self._seen.get(kind, ()))

    @property
    def active(self) -> Reply | None:
        """The response under way."""
        live = [reply for reply in self.replies.values() if not reply.done]
        return live[-1] if live else None

    @property
    def latest(self) -> Reply | None:
        return next(reversed(self.replies.values()), None)

    def take(self, event: Event, now: float) -> None:
        """Records one server event."""
        kind = event["type"]
        if kind == "response.output_audio.delta":
            self._audio(event, now)
            return
        self._seen[kind].append(now)
        match kind:
            case "response.created":
                number = event["response"]["id"]
                self.replies[number] = Reply(number, now)
            case "response.output_audio_transcript.delta":
                if reply := self.replies.get(event["response_id"]):
                    reply.text += event["delta"]
            case "response.output_audio_transcript.done":
                if reply := self.replies.get(event["response_id"]):
                    reply.text = event["transcript"]
            case "input_audio_buffer.speech_started":
                if reply := self.active:
                    reply.cut = now
            case "response.done":
                self._done(event["response"], now)
            case "conversation.item.input_audio_transcription.completed":
                self.heard.append(Heard(event["item_id"], event["transcript"], now))
            case "error":
                self.errors.append(event["error"])
        if kind.startswith("vdx.") and kind != "vdx.vad":
            self.vdx.append((now, event))
            if kind == "vdx.turn":
                self.turns.append(event)

    def _audio(self, event: Event, now: float) -> None:
        reply = self.replies.get(event["response_id"])
        if reply is None or not event["delta"]:
            return
        reply.first_audio = reply.first_audio or now
        reply.last_audio = now
        if reply.done or reply.cut:
            reply.after_end += event["delta"]

    def _done(self, response: Event, now: float) -> None:
        reply = self.replies.get(response["id"])
        if reply is None:
            return
        reply.done, reply.status = now, response["status"]
        if text := spoken_text(response):
            reply.text = text


def spoken_text(response: Event) -> str:
    """The transcripts of a finished response, joined."""
    return " ".join(
        part["transcript"]
        for item in response.get("output", ())
        for part in item.get("content", ())
        if part.get("transcript")
    )
