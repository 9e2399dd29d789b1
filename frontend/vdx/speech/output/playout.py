"""Playout: sends a reply's frames at the pace at which they are heard, and counts what was played.

What was sent counts as played, apart from a lead of some milliseconds. A pause only stops sending,
so a resume continues with the first sample that was not sent.
"""

import asyncio
from collections.abc import Awaitable, Callable

from vdx.core.audio import FRAME_MS, SPEAK_FRAME, SPEAK_RATE, fade_in
from vdx.core.config import PlayoutConfig
from vdx.core.events import ClauseStarted, Pcm, ReplyAudible
from vdx.core.metrics import UNDERRUNS
from vdx.speech.output.reply_audio import ReplyAudio

FRAME_SECONDS = FRAME_MS / 1000


class Playout:
    """Plays one reply once; sends nothing before `release`, as a prepared reply must be silent.

    `send` delivers one frame (int16 [960], 48 kHz) that was due at a time of `clock`, in seconds,
    and may wait while the reader is slow. `emit` takes ReplyAudible before the first frame of the
    reply, which has the number `reply`, and ClauseStarted before the first one of each clause.
    `lead_ms` says how much may be sent and not yet played, 20 at least; it may change at any time.
    Without it that is `config.output_lead_ms`.
    """

    def __init__(
        self,
        audio: ReplyAudio,
        reply: int,
        send: Callable[[Pcm, float], Awaitable[None]],
        emit: Callable[[ReplyAudible | ClauseStarted], None],
        config: PlayoutConfig,
        clock: Callable[[], float],
        lead_ms: Callable[[], int] | None = None,
    ) -> None:
        self._audio = audio
        self._reply = reply
        self._send = send
        self._emit = emit
        self._lead_ms = lead_ms or (lambda: config.output_lead_ms)
        self._fade = config.resume_fade_ms * SPEAK_RATE // 1000
        self._clock = clock
        self._open = asyncio.Event()
        self._origin = 0.0  # when frame 0 is heard, on `clock`
        self._sent = 0
        self._clauses = 0
        self._fade_next = False
        self._over = False

    @property
    def sent_samples(self) -> int:
        return self._sent * SPEAK_FRAME

    @property
    def played_samples(self) -> int:
        """48 kHz samples that were played to the listener by now."""
        if self._over or not self._sent:
            return self.sent_samples
        elapsed = int((self._clock() - self._origin) * SPEAK_RATE)
        return max(0, min(elapsed, self.sent_samples))

    def release(self) -> None:
        """Starts sending."""
        self._open.set()

    def pause(self) -> None:
        """Stops sending before the next frame; what was not sent stays in the queue."""
        self._open.clear()

    def resume(self) -> None:
        """Sample-exact resume: the next sample, faded in over `resume_fade_ms` to avoid a click."""
        self._fade_next = self._sent > 0
        self._open.set()

    async def run(self) -> None:
        """Returns when the last frame was played; cancel to stop."""
        while True:
            if not await self._audio_in_time():
                break
            await self._open.wait()
            due = self._due()
            await self._sleep_until(due)
            # A voice that broke off meanwhile may have taken back what was due.
            if self._open.is_set() and self._audio.has_frame:
                await self._send_next(due)
        await self._open_if_silent()
        await self._sleep_until(self._sounds_at)
        self._over = True  # timers may fire slightly early, and `played_samples` be short of all

    async def _audio_in_time(self) -> bool:
        """Waits for the next frame; False where none will come."""
        asked = self._clock()
        await self._audio.wait()
        if self._audio.exhausted:
            return False
        if self._sent and not self._fade_next and asked <= self._sounds_at < self._clock():
            UNDERRUNS.inc()
        return True

    async def _open_if_silent(self) -> None:
        """Waits for `release` where no frame was sent: a reply may not end before it."""
        if not self._sent:
            await self._open.wait()
            self._origin = self._clock()

    @property
    def _sounds_at(self) -> float:
        """When the next frame is heard, if nothing is late."""
        return self._origin + self._sent * FRAME_SECONDS

    def _due(self) -> float:
        """When the next frame is to be sent; moves the origin after an underrun of the listener."""
        now = self._clock()
        if not self._sent or now > self._sounds_at:
            self._origin = now - self._sent * FRAME_SECONDS
            return now
        # A frame counts as sent but not played from its first sample to its last.
        return self._sounds_at - max(0.0, self._lead_ms() / 1000 - FRAME_SECONDS)

    async def _send_next(self, due: float) -> None:
        index = self._sent
        row = self._audio.take()
        if self._fade_next:
            row, self._fade_next = fade_in(row, self._fade), False
        if index == 0:
            self._emit(ReplyAudible(self._reply))
        span = self._audio.clause_at(index)
        if span is not None and not span.continued:
            self._emit(ClauseStarted(self._reply, self._clauses, span.clause))
            self._clauses += 1
        self._sent += 1
        await self._send(row, due)

    async def _sleep_until(self, due: float) -> None:
        delay = due - self._clock()
        if delay > 0:
            await asyncio.sleep(delay)
