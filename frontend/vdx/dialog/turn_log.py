"""A session's turns in the log: numbers, and words only where `log.transcripts` asks for them."""

from typing import Any

from vdx.core.events import Pcm
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
    UtteranceStarted,
)
from vdx.dialog.speaking import Audience

log = logger(__name__)


class LoggedAudience:
    """Passes everything on to `audience`, and logs what happened at debug level."""

    def __init__(self, audience: Audience, *, transcripts: bool) -> None:
        self._audience = audience
        self._transcripts = transcripts

    async def play(self, reply: int, row: Pcm, due: float) -> None:
        await self._audience.play(reply, row, due)

    def notify(self, notice: SessionEvent) -> None:
        self._log(notice)
        self._audience.notify(notice)

    def _log(self, notice: SessionEvent) -> None:
        match notice:
            case UtteranceStarted(utterance=number, at_ms=ms, interrupting=interrupting):
                log.debug("speech started", utterance=number, at_ms=ms, interrupting=interrupting)
            case UtteranceEnded(utterance=number, at_ms=at_ms):
                log.debug("speech ended", utterance=number, at_ms=at_ms)
            case UtteranceDropped(utterance=number):
                log.debug("speech dropped", utterance=number)
            case FinalTranscript(utterance=number, text=text):
                log.debug("speech understood", utterance=number, **self._words(text))
            case ReplyStarted(reply=number):
                log.debug("reply started", reply=number)
            case PlayoutPaused(reply=number, played_ms=ms):
                log.debug("reply paused", reply=number, played_ms=ms)
            case PlayoutResumed(reply=number, played_ms=ms):
                log.debug("reply resumed", reply=number, played_ms=ms)
            case TurnTimed(reply=number, speech_end_to_first_audio_ms=gap, stages=stages):
                marks = {f"{stage}_ms": ms for stage, ms in stages.items()}
                log.debug("turn answered", reply=number, **marks | {"first_audio_ms": gap})
            case ReplyDone():
                log.debug(
                    "reply ended",
                    reply=notice.reply,
                    status=notice.status,
                    reason=notice.reason,
                    played_ms=notice.played_ms,
                    **self._words(notice.text),
                )
            case _:
                pass

    def _words(self, text: str) -> dict[str, Any]:
        words = {"text": text} if self._transcripts else {}
        return {"characters": len(text)} | words
