"""The vdx.* events, sent only to clients that ask for them (`session.update`, vdx.events)."""

from vdx.core.tools import ToolCall
from vdx.dialog.ids import ReplyIds, UtteranceIds
from vdx.dialog.session_events import (
    LanguageChanged,
    LanguageHeard,
    LevelHint,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
    ReplyClause,
    ServerDraining,
    SessionEnded,
    SessionEvent,
    StateChanged,
    ToolAnswered,
    ToolStarted,
    TurnTimed,
    UtteranceDropped,
    UtteranceKept,
)
from vdx.transports.realtime.events import encode

MAX_OUTPUT = 2_000
"""Characters of a result that are shown; the responder is told all of it."""


def vdx_event(event: SessionEvent) -> str | None:
    """The `vdx.*` event as JSON text; None where the protocol has events of its own for it."""
    match event:
        case StateChanged(state=state, thinking=thinking):
            return encode("vdx.state", state=state.value, thinking=thinking)
        case PlayoutPaused(reply=reply, played_ms=ms) | PlayoutResumed(reply=reply, played_ms=ms):
            change = "paused" if isinstance(event, PlayoutPaused) else "resumed"
            return encode(f"vdx.playout.{change}", **reply_ids(reply), played_ms=ms)
        case TurnTimed(reply=reply, speech_end_to_first_audio_ms=gap, stages=stages):
            return encode(
                "vdx.turn",
                **reply_ids(reply),
                speech_end_to_first_audio_ms=gap,
                stages=dict(stages),
            )
        case ReplyClause(reply=reply, said_for_code=said) if said:
            return encode("vdx.reply.only_code", **reply_ids(reply), said=said)
        case LevelHint(rms=rms, threshold=threshold):
            message = (
                f"the microphone is too quiet (level {rms:.0f}, needed {threshold:.0f}): "
                "raise its volume or move closer"
            )
            return encode("vdx.hint", code="level_too_low", message=message)
        case ServerDraining(seconds_left=seconds_left):
            return encode("vdx.draining", seconds_left=seconds_left)
        case SessionEnded(reason=reason):
            return encode("vdx.session.ended", reason=reason)
        case _:
            return _speech_event(event)


def _speech_event(event: SessionEvent) -> str | None:
    """Of the user's speech."""
    match event:
        case PartialTranscript(utterance=utterance, text=text, stable=stable):
            return encode(
                "vdx.transcript",
                **utterance_ids(utterance),
                text=text,
                stable=stable,
                audio_end_ms=event.audio_end_ms,
                word_end_ms=event.word_end_ms,
            )
        case UtteranceKept(utterance=utterance, text=text):
            return encode("vdx.user.kept", **utterance_ids(utterance), text=text)
        case LanguageHeard(utterance=utterance):
            return encode(
                "vdx.language.heard",
                **utterance_ids(utterance),
                language=event.language,
                probability=round(event.probability, 3),
                spoken=event.spoken,
            )
        case LanguageChanged(language=language, voice=voice, voice_speaks_it=speaks):
            return encode(
                "vdx.language.changed", language=language, voice=voice, voice_speaks_it=speaks
            )
        case UtteranceDropped(utterance=utterance):
            return encode("vdx.user.dropped", **utterance_ids(utterance))
        case _:
            return _tool_event(event)


def _tool_event(event: SessionEvent) -> str | None:
    """Of the tools that a reply calls."""
    match event:
        case ToolStarted(reply=reply, call=call, source=source):
            return encode(
                "vdx.tool.started",
                **reply_ids(reply),
                **_call(call),
                arguments=call.arguments,
                source=source,
            )
        case ToolAnswered(reply=reply, call=call):
            return encode(
                "vdx.tool.done",
                **reply_ids(reply),
                **_call(call),
                output=event.output[:MAX_OUTPUT],
                status=event.status,
                duration_ms=event.duration_ms,
            )
        case _:
            return None


def _call(call: ToolCall) -> dict[str, str]:
    return {"call_id": call.call_id, "name": call.name}


def reply_ids(reply: ReplyIds) -> dict[str, str]:
    """How an event names a reply."""
    return {"response_id": reply.response_id, "item_id": reply.item_id}


def utterance_ids(utterance: UtteranceIds) -> dict[str, str | int]:
    """How an event names an utterance."""
    return {"utterance": utterance.number, "item_id": utterance.item_id}
