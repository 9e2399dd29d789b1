"""A session's turns in the log: numbers, and words only where `log.transcripts` asks for them."""

from typing import Any

from frontend.core.events import Pcm
from frontend.core.logs import logger
from frontend.dialog import notices as n
from frontend.dialog.speaking import Audience

log = logger(__name__)


class LoggedAudience:
    """Passes everything on to `audience`, and logs what happened at debug level."""

    def __init__(self, audience: Audience, *, transcripts: bool) -> None:
        self._audience = audience
        self._transcripts = transcripts

    async def play(self, reply: int, row: Pcm, due: float) -> None:
        await self._audience.play(reply, row, due)

    def notify(self, notice: n.Notice) -> None:
        self._log(notice)
        self._audience.notify(notice)

    def _log(self, notice: n.Notice) -> None:
        match notice:
            case n.UtteranceStarted(utterance=number, at_ms=ms, interrupting=interrupting):
                log.debug("speech started", utterance=number, at_ms=ms, interrupting=interrupting)
            case n.UtteranceEnded(utterance=number, at_ms=at_ms):
                log.debug("speech ended", utterance=number, at_ms=at_ms)
            case n.UtteranceDropped(utterance=number):
                log.debug("speech dropped", utterance=number)
            case n.UserSaid(utterance=number, text=text):
                log.debug("speech understood", utterance=number, **self._words(text))
            case n.ReplyStarted(reply=number):
                log.debug("reply started", reply=number)
            case n.PlayoutPaused(reply=number, played_ms=ms):
                log.debug("reply paused", reply=number, played_ms=ms)
            case n.PlayoutResumed(reply=number, played_ms=ms):
                log.debug("reply resumed", reply=number, played_ms=ms)
            case n.TurnTimed(reply=number, speech_end_to_first_audio_ms=gap, stages=stages):
                marks = {f"{stage}_ms": ms for stage, ms in stages.items()}
                log.debug("turn answered", reply=number, **marks | {"first_audio_ms": gap})
            case n.ReplyEnded():
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
