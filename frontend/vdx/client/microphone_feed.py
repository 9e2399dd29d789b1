"""Sends 20 ms frames at the pace of a microphone: recordings, and room noise between them."""

import asyncio
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from vdx.client.recording import Clip, frames_of, room_noise
from vdx.core.audio import FRAME_MS, to_pcm

FRAME_S = FRAME_MS / 1000


class FrameSender(Protocol):
    """What a MicrophoneFeed sends frames with: `RealtimeClient` or `RoomClient`."""

    rate: int

    @staticmethod
    def prepared(frame: bytes, rate: int) -> Any:
        """One frame, int16 mono at `rate` Hz, as `send_raw` takes it."""

    async def send_raw(self, message: Any) -> None: ...


@dataclass(slots=True)
class Spoken:
    """When a recording was sent; times are those of the frame that holds the sample."""

    clip: Clip
    began: float = 0.0
    onset: float = 0.0
    onset_ms: int = 0
    """Milliseconds of audio that the feed had sent before that frame."""
    end: float = 0.0
    finished: asyncio.Future[None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@lru_cache(maxsize=4)
def noise_messages(sender: type[FrameSender], rate: int) -> tuple[Any, ...]:
    """Room noise, encoded once a process: a bench must not take CPU from the server it measures."""
    return tuple(sender.prepared(frame, rate) for frame in room_noise(rate))


@lru_cache(maxsize=64)
def _messages(sender: type[FrameSender], pcm: bytes, rate: int) -> tuple[Any, ...]:
    return tuple(sender.prepared(frame, rate) for frame in frames_of(to_pcm(pcm), rate))


class MicrophoneFeed:
    """Run as a task beside the client; `say` takes effect with the next frame.

    `lag_ms` holds how late each frame was sent, `keep_lag` of them at most.
    """

    def __init__(self, client: FrameSender, phase: int = 0, keep_lag: int = 100_000) -> None:
        self._client = client
        self._noise = noise_messages(type(client), client.rate)
        self._phase = phase
        self._keep_lag = keep_lag
        self._saying: Spoken | None = None
        self._frames: tuple[Any, ...] = ()
        self._position = 0
        self._sent = 0
        """Frames, of whatever kind."""
        self.lag_ms: list[float] = []

    @property
    def silent(self) -> bool:
        return self._saying is None

    def say(self, clip: Clip) -> Spoken:
        """Starts a recording with the next frame; the one before is cut off."""
        if self._saying is not None and not self._saying.finished.done():
            self._saying.finished.set_result(None)
        self._saying = Spoken(clip)
        self._frames = _messages(type(self._client), clip.pcm.tobytes(), clip.rate)
        self._position = 0
        return self._saying

    async def run(self) -> None:
        """Sends until cancelled; a late frame is followed at once by the next, none is dropped."""
        due = time.monotonic()
        number = self._phase
        while True:
            due += FRAME_S
            now = time.monotonic()
            if due > now:
                await asyncio.sleep(due - now)
            if len(self.lag_ms) < self._keep_lag:
                self.lag_ms.append((time.monotonic() - due) * 1000)
            if self._saying is None:
                message = self._noise[number % len(self._noise)]
                number += 1
            else:
                message = self._next_of_clip(self._saying)
            await self._client.send_raw(message)
            self._sent += 1

    def _next_of_clip(self, spoken: Spoken) -> Any:
        index, now = self._position, time.monotonic()
        size = spoken.clip.rate * FRAME_MS // 1000
        if index == 0:
            spoken.began = now
        if index == spoken.clip.onset // size:
            spoken.onset, spoken.onset_ms = now, self._sent * FRAME_MS
        if index == (spoken.clip.end - 1) // size:
            spoken.end = now
        message = self._frames[index]
        self._position += 1
        if self._position == len(self._frames):
            self._saying = None
            if not spoken.finished.done():
                spoken.finished.set_result(None)
        return message


def task_of(microphone_feed: MicrophoneFeed) -> "asyncio.Task[None]":
    """Starts the feed; the caller cancels the task."""
    return asyncio.create_task(microphone_feed.run(), name="microphone_feed")
