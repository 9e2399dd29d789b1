"""Tells a session's notices to a room: captions, the agent's state, and `vdx.*` events."""

from typing import Any

from vdx.core.events import Pcm, SessionState
from vdx.dialog.session import Session
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    PartialTranscript,
    PlayoutPaused,
    RecognitionFailed,
    ReplyClause,
    ReplyDone,
    ReplyStarted,
    SessionEvent,
    StateChanged,
    TurnTimed,
    UtteranceDropped,
    UtteranceStarted,
)
from vdx.transports.realtime.events import encode
from vdx.transports.realtime.vdx_events import vdx_event
from vdx.transports.room.audio_input import AudioInput
from vdx.transports.room.audio_output import AudioOutput
from vdx.transports.room.outbox import RoomOutbox

FINAL = "lk.transcription_final"
SEGMENT = "lk.segment_id"
TRACK = "lk.transcribed_track_id"
INTERRUPTED = "vdx.interrupted"
PLAYED = "vdx.played_text"
MAX_PLAYED = 8_000
"""Characters of an attribute; the whole header of a stream must fit a packet."""

STATES = {
    SessionState.IDLE: "idle",
    SessionState.LISTENING: "listening",
    SessionState.SPEAKING: "speaking",
    SessionState.BARGED_IN: "listening",
    SessionState.WAITING_FOR_INPUT: "listening",
}
"""`lk.agent.state`; thinking is told by the notice."""


class RoomPresenter:
    """The Audience of one session in a room; `person` is the identity it is with."""

    def __init__(
        self, outbox: RoomOutbox, audio_output: AudioOutput, audio_input: AudioInput, person: str
    ) -> None:
        self._outbox = outbox
        self._audio_output = audio_output
        self._audio_input = audio_input
        self._person = person
        self._session: Session | None = None
        self._captioned: set[int] = set()  # utterances with words in the captions
        self._reply_open = False
        self._state = ""
        self.last_turn: dict[str, Any] | None = None

    def attach(self, session: Session) -> None:
        self._session = session
        self.tell_session()

    def tell_session(self) -> None:
        """`vdx.session`: what the conversation runs with now."""
        options = self._live.options
        self.event(
            "vdx.session",
            session=self._live.id,
            person=self._person,
            profile=options.profile,
            voice=str(options.voice_choice),
            recogniser=options.recogniser,
            language=options.language,
        )

    def event(self, kind: str, **fields: Any) -> None:
        """One event on `vdx.events`."""
        self._outbox.event(encode(kind, **fields))

    # --- Audience ---------------------------------------------------------------------------

    async def play(self, reply: int, row: Pcm, due: float) -> None:  # noqa: ARG002
        """One frame into the track."""
        await self._audio_output.play(row, due)

    def notify(self, notice: SessionEvent) -> None:
        if (event := vdx_event(notice, self._ids)) is not None:
            self._outbox.event(event)
        match notice:
            case StateChanged(state=state, thinking=thinking):
                self._tell_state("thinking" if thinking else STATES.get(state, ""))
            case UtteranceStarted(utterance=number, interrupting=interrupting):
                fields = self._utterance(number)
                self.event("vdx.user.started", **fields, interrupting=interrupting)
            case UtteranceDropped(utterance=number):
                self._tell_dropped(number)
            case PartialTranscript(utterance=number, text=text) if text:
                self._captioned.add(number)
                self._caption_person(number, text, final=False)
            case FinalTranscript(utterance=number, text=text):
                self.event("vdx.user.said", **self._utterance(number), text=text)
                if text or number in self._captioned:
                    self._captioned.discard(number)
                    self._caption_person(number, text, final=True)
            case ReplyStarted(reply=reply):
                self.event("vdx.reply.started", **self._ids(reply))
            case ReplyClause(reply=reply, text=text):
                self._tell_clause(reply, text)
            case PlayoutPaused():
                self._live.spawn(self._audio_output.hush, "hush", self._live.trouble)
            case ReplyDone():
                self._tell_ended(notice)
            case ItemsForgotten(items=items):
                self.event("vdx.items.forgotten", items=items)
            case TurnTimed(speech_end_to_first_audio_ms=gap, stages=stages):
                self.last_turn = {"speech_end_to_first_audio_ms": gap, "stages": dict(stages)}
            case ErrorOccurred(error=error) | RecognitionFailed(error=error):
                self.event("vdx.error", error=error.fields)

    # --- the person -------------------------------------------------------------------------

    def _tell_dropped(self, utterance: int) -> None:
        self.event("vdx.user.dropped", **self._utterance(utterance))
        if utterance in self._captioned:
            self._captioned.discard(utterance)
            self._caption_person(utterance, "", final=True)

    def _caption_person(self, utterance: int, text: str, *, final: bool) -> None:
        segment = self._live.utterance_item(utterance)
        attributes = _attributes(segment, self._audio_input.track_sid, final=final)
        self._outbox.caption(text, attributes, self._person)

    # --- replies ----------------------------------------------------------------------------

    def _tell_clause(self, reply: int, text: str) -> None:
        self.event("vdx.reply.clause", **self._ids(reply), text=text)
        if not self._reply_open:
            self._reply_open = True
            segment = self._live.reply_item(reply)
            self._outbox.begin_caption(
                _attributes(segment, self._audio_output.track_sid, final=False)
            )
        self._outbox.extend_caption(text)

    def _tell_ended(self, ended: ReplyDone) -> None:
        if ended.status == "cancelled":
            self._audio_output.clear()
        if self._reply_open:
            self._reply_open = False
            segment = self._live.reply_item(ended.reply)
            attributes = _attributes(segment, self._audio_output.track_sid, final=True)
            if ended.status == "cancelled":
                attributes |= {INTERRUPTED: "true", PLAYED: ended.text[:MAX_PLAYED]}
            self._outbox.end_caption(attributes)
        self.event(
            "vdx.reply.ended",
            **self._ids(ended.reply),
            status=ended.status,
            reason=ended.reason,
            played_ms=ended.played_ms,
            text=ended.text,
        )

    def _tell_state(self, state: str) -> None:
        if state and state != self._state:
            self._state = state
            self._outbox.state(state)

    # --- ids --------------------------------------------------------------------------------

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise RuntimeError("the presenter was not attached to a session")
        return self._session

    def _ids(self, reply: int) -> dict[str, str]:
        session = self._live
        return {
            "response_id": f"resp_{session.id}_{reply}",
            "item_id": session.reply_item(reply),
        }

    def _utterance(self, utterance: int) -> dict[str, Any]:
        return {"utterance": utterance, "item_id": self._live.utterance_item(utterance)}


def _attributes(segment: str, track_sid: str, *, final: bool) -> dict[str, str]:
    attributes = {SEGMENT: segment, FINAL: "true" if final else "false"}
    return attributes | ({TRACK: track_sid} if track_sid else {})
