"""The vdx.* events, sent only to clients that ask for them (`session.update`, vdx.events)."""

from collections.abc import Callable, Mapping

from vdx.dialog.session_events import (
    LevelHint,
    PartialTranscript,
    PlayoutPaused,
    PlayoutResumed,
    ServerDraining,
    SessionEnded,
    SessionEvent,
    StateChanged,
    TurnTimed,
)
from vdx.transports.realtime.events import encode

Ids = Callable[[int], Mapping[str, str]]


def vdx_event(notice: SessionEvent, ids: Ids) -> str | None:
    """The event for a notice, or None where the protocol's own events say it all."""
    match notice:
        case StateChanged(state=state, thinking=thinking):
            return encode("vdx.state", state=state.value, thinking=thinking)
        case PlayoutPaused(reply=reply, played_ms=ms) | PlayoutResumed(reply=reply, played_ms=ms):
            change = "paused" if isinstance(notice, PlayoutPaused) else "resumed"
            return encode(f"vdx.playout.{change}", **ids(reply), played_ms=ms)
        case PartialTranscript(utterance=utterance, text=text, stable=stable):
            return encode("vdx.transcript", utterance=utterance, text=text, stable=stable)
        case TurnTimed(reply=reply, speech_end_to_first_audio_ms=gap, stages=stages):
            return encode(
                "vdx.turn",
                **ids(reply),
                speech_end_to_first_audio_ms=gap,
                stages=dict(stages),
            )
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
            return None
