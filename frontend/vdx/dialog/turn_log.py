"""A session's turns in the log: numbers, and words only where `log.transcripts` asks for them."""

from typing import Any

from vdx.core.logs import logger
from vdx.dialog.session_events import (
    FinalTranscript,
    PlayoutPaused,
    PlayoutResumed,
    ReplyDone,
    ReplyStarted,
    SessionEvent,
    TurnTimed,
    UtteranceDropped,
    UtteranceEnded,
    UtteranceKept,
    UtteranceStarted,
)

log = logger(__name__)


def log_event(event: SessionEvent, *, transcripts: bool) -> None:
    """One line at debug level for an event that is a step of a turn; others are not logged."""
    match event:
        case UtteranceStarted(utterance=ids, at_ms=at_ms, interrupting=interrupting):
            log.debug(
                "speech started", utterance=ids.number, at_ms=at_ms, interrupting=interrupting
            )
        case UtteranceEnded(utterance=ids, at_ms=at_ms):
            log.debug("speech ended", utterance=ids.number, at_ms=at_ms)
        case UtteranceDropped(utterance=ids):
            log.debug("speech dropped", utterance=ids.number)
        case UtteranceKept(utterance=ids):
            log.debug("speech over the reply kept", utterance=ids.number)
        case FinalTranscript(utterance=ids, text=text):
            log.debug("speech understood", utterance=ids.number, **_words(text, transcripts))
        case ReplyStarted(reply=ids):
            log.debug("reply started", reply=ids.number)
        case PlayoutPaused(reply=ids, played_ms=ms):
            log.debug("reply paused", reply=ids.number, played_ms=ms)
        case PlayoutResumed(reply=ids, played_ms=ms):
            log.debug("reply resumed", reply=ids.number, played_ms=ms)
        case TurnTimed(reply=ids, speech_end_to_first_audio_ms=gap, stages=stages):
            marks = {f"{stage}_ms": ms for stage, ms in stages.items()}
            log.debug("turn answered", reply=ids.number, **marks | {"first_audio_ms": gap})
        case ReplyDone():
            log.debug(
                "reply ended",
                reply=event.reply.number,
                status=event.status,
                reason=event.reason,
                played_ms=event.played_ms,
                **_words(event.text, transcripts),
            )
        case _:
            pass


def _words(text: str, transcripts: bool) -> dict[str, Any]:
    words = {"text": text} if transcripts else {}
    return {"characters": len(text)} | words
