"""Playout: paces a reply's frames against the listener's clock, and knows what was heard.

One rule for every transport: sent = played, apart from a lead of some milliseconds. A pause stops
sending and touches nothing else, so a resume goes on at the exact sample.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from vdx.core.audio import FRAME_MS, SPEAK_FRAME, SPEAK_RATE, fade_in
from vdx.core.config import PlayoutConfig
from vdx.core.events import Pcm
from vdx.core.metrics import UNDERRUNS
from vdx.speech.output.reply_audio import ClauseSpan, ReplyAudio

FRAME_SECONDS = FRAME_MS / 1000


class PlayoutObserver(Protocol):
    """Told, on the event loop, how the playing goes."""

    def on_audible(self) -> None: ...
    def on_clause(self, span: ClauseSpan) -> None: ...


class Playout:
    """Plays one reply once; starts held, as a preemptive reply must be silent.

    `send` delivers one frame (int16 [960], 48 kHz) that was due at a time of `clock`, and may
    block while the reader is slow. `lead_ms` says how much may be sent and not yet played, 20 at
    least; it may change at any time. Without it that is `config.output_lead_ms`.
    """

    def __init__(
        self,
        audio: ReplyAudio,
        send: Callable[[Pcm, float], Awaitable[None]],
        observer: PlayoutObserver,
        config: PlayoutConfig,
        clock: Callable[[], float],
        lead_ms: Callable[[], int] | None = None,
    ) -> None:
        self._audio = audio
        self._send = send
        self._observer = observer
        self._lead_ms = lead_ms or (lambda: config.output_lead_ms)
        self._fade = config.resume_fade_ms * SPEAK_RATE // 1000
        self._clock = clock
        self._open = asyncio.Event()
        self._origin = 0.0  # when frame 0 sounds at the listener, on `clock`
        self._sent = 0
        self._fade_next = False
        self._over = False

    @property
    def sent_samples(self) -> int:
        return self._sent * SPEAK_FRAME

    @property
    def played_samples(self) -> int:
        """48 kHz samples the listener has heard by now."""
        if self._over or not self._sent:
            return self.sent_samples
        elapsed = int((self._clock() - self._origin) * SPEAK_RATE)
        return max(0, min(elapsed, self.sent_samples))

    def release(self) -> None:
        """Lets a held reply sound."""
        self._open.set()

    def pause(self) -> None:
        """Sends nothing more; what was not sent stays in the queue."""
        self._open.clear()

    def resume(self) -> None:
        """Goes on with the very next sample, faded in so that it does not click."""
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
            if self._open.is_set():
                await self._send_next(due)
        await self._open_if_silent()
        await self._sleep_until(self._sounds_at)
        self._over = True  # timers may fire a moment early: the last word was played all the same

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
        """A reply without any audio still may not end before it was allowed to begin."""
        if not self._sent:
            await self._open.wait()
            self._origin = self._clock()

    @property
    def _sounds_at(self) -> float:
        """When the next frame is heard, if nothing is late."""
        return self._origin + self._sent * FRAME_SECONDS

    def _due(self) -> float:
        """When the next frame is to be sent; moves the origin when the listener ran dry."""
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
            self._observer.on_audible()
        if (span := self._audio.clause_at(index)) is not None:
            self._observer.on_clause(span)
        self._sent += 1
        await self._send(row, due)

    async def _sleep_until(self, due: float) -> None:
        delay = due - self._clock()
        if delay > 0:
            await asyncio.sleep(delay)
