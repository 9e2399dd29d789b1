"""Sends a session's events to a room: captions, the agent's state, and `vdx.*` events."""

from typing import Any

from vdx.core.events import SessionState
from vdx.dialog.ids import UtteranceIds
from vdx.dialog.session import Session
from vdx.dialog.session_events import (
    ErrorOccurred,
    FinalTranscript,
    ItemsForgotten,
    OptionsChanged,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
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
from vdx.dialog.transport import OutputFrame
from vdx.transports.realtime.events import encode
from vdx.transports.realtime.vdx_events import reply_ids, utterance_ids, vdx_event
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
"""`lk.agent.state`; thinking is a field of StateChanged."""


class RoomPresenter:
    """The Transport of one session in a room; `user` is the identity of its user."""

    def __init__(
        self, outbox: RoomOutbox, audio_output: AudioOutput, audio_input: AudioInput, user: str
    ) -> None:
        self._outbox = outbox
        self._audio_output = audio_output
        self._audio_input = audio_input
        self._user = user
        self._session: Session | None = None
        self._captioned: set[UtteranceIds] = set()  # those with words in the captions
        self._reply_open = False
        self._spoken = ""
        self._state = ""
        self.last_turn: dict[str, Any] | None = None

    def attach(self, session: Session) -> None:
        self._session = session
        self.send_session()

    def send_session(self) -> None:
        """Sends `vdx.session`: the models and settings of the conversation as they are now."""
        options = self._live.options
        self.event(
            "vdx.session",
            session=self._live.id,
            person=self._user,
            profile=options.profile,
            voice=str(options.voice_choice),
            recogniser=options.recogniser,
            language=options.asked_language,
        )

    def event(self, kind: str, **fields: Any) -> None:
        """Sends one event on `vdx.events`."""
        self._outbox.event(encode(kind, **fields))

    # --- Transport --------------------------------------------------------------------------

    async def play(self, frame: OutputFrame) -> None:
        """Feeds one frame into the track."""
        await self._audio_output.play(frame.pcm, frame.due)

    def notify(self, event: SessionEvent) -> None:
        if (text := vdx_event(event)) is not None:
            self._outbox.event(text)
        match event:
            case StateChanged(state=state, thinking=thinking):
                self._send_state("thinking" if thinking else STATES.get(state, ""))
            case UtteranceStarted(utterance=utterance, interrupting=interrupting):
                ids = utterance_ids(utterance)
                self.event("vdx.user.started", **ids, interrupting=interrupting)
            case UtteranceDropped(utterance=utterance):
                self._send_dropped(utterance)
            case PartialTranscript(utterance=utterance, text=text) if text:
                self._captioned.add(utterance)
                self._caption_user(utterance, text, final=False)
            case FinalTranscript(utterance=utterance, text=text):
                self.event("vdx.user.said", **utterance_ids(utterance), text=text)
                if text or utterance in self._captioned:
                    self._captioned.discard(utterance)
                    self._caption_user(utterance, text, final=True)
            case ReplyStarted(reply=reply):
                self.event("vdx.reply.started", **reply_ids(reply))
            case ReplyClause():
                self._send_clause(event)
            case PlayoutPaused() | PlayoutResumed():
                self._follow_playout(event)
            case ReplyDone():
                self._send_ended(event)
            case OptionsChanged():
                self.send_session()
            case ItemsForgotten(items=items):
                self.event("vdx.items.forgotten", items=items)
            case TurnTimed(speech_end_to_first_audio_ms=gap, stages=stages):
                self.last_turn = {"speech_end_to_first_audio_ms": gap, "stages": dict(stages)}
            case ErrorOccurred(error=error) | RecognitionFailed(error=error):
                self.event("vdx.error", error=error.fields)

    # --- the user ---------------------------------------------------------------------------

    def _send_dropped(self, utterance: UtteranceIds) -> None:
        if utterance in self._captioned:
            self._captioned.discard(utterance)
            self._caption_user(utterance, "", final=True)

    def _caption_user(self, utterance: UtteranceIds, text: str, *, final: bool) -> None:
        track = self._audio_input.track_sid
        attributes = _attributes(utterance.item_id, track, final=final)
        self._outbox.caption(text, attributes, self._user)
        self._outbox.packet(utterance.item_id, text, track, self._user, final=final)

    # --- replies ----------------------------------------------------------------------------

    def _send_clause(self, clause: ReplyClause) -> None:
        ids = reply_ids(clause.reply)
        self.event("vdx.reply.clause", **ids, clause=clause.clause, text=clause.text)
        track, segment = self._audio_output.track_sid, clause.reply.item_id
        if not self._reply_open:
            self._reply_open, self._spoken = True, ""
            self._outbox.begin_caption(_attributes(segment, track, final=False))
        self._spoken += clause.text
        self._outbox.extend_caption(clause.text)
        self._outbox.packet(segment, self._spoken, track, "", final=False)

    def _follow_playout(self, event: PlayoutPaused | PlayoutResumed) -> None:
        if isinstance(event, PlayoutPaused):
            self._audio_output.take_back()
            self._live.spawn(self._audio_output.send_silence, "silence")
        else:
            self._live.spawn(self._audio_output.give_back, "give-back")

    def _send_ended(self, ended: ReplyDone) -> None:
        if ended.status == "cancelled":
            self._audio_output.clear()
        else:
            self._audio_output.forget()
        if self._reply_open:
            self._reply_open = False
            track = self._audio_output.track_sid
            attributes = _attributes(ended.reply.item_id, track, final=True)
            if ended.status == "cancelled":
                attributes |= {INTERRUPTED: "true", PLAYED: ended.text[:MAX_PLAYED]}
            self._outbox.end_caption(attributes)
            self._outbox.packet(ended.reply.item_id, ended.text, track, "", final=True)
        self.event(
            "vdx.reply.ended",
            **reply_ids(ended.reply),
            status=ended.status,
            reason=ended.reason,
            played_ms=ended.played_ms,
            text=ended.text,
        )

    def _send_state(self, state: str) -> None:
        if state and state != self._state:
            self._state = state
            self._outbox.state(state)

    @property
    def _live(self) -> Session:
        if self._session is None:
            raise RuntimeError("the presenter was not attached to a session")
        return self._session


def _attributes(segment: str, track_sid: str, *, final: bool) -> dict[str, str]:
    attributes = {SEGMENT: segment, FINAL: "true" if final else "false"}
    return attributes | ({TRACK: track_sid} if track_sid else {})
