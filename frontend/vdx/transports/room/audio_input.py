"""The linked user's microphone: a track's frames, through a bounded queue, to the session."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from livekit import rtc

from vdx.core.audio import FRAME_MS, LISTEN_RATE, rms, to_pcm
from vdx.core.logs import logger
from vdx.core.metrics import ROOM_INPUT_DROPPED

log = logger(__name__)

MAX_FRAMES = 100
"""Two seconds; when the session is further behind, the oldest frame is dropped and counted."""
CLOSE_S = 2.0


class AudioInput:
    """`listen` and `stop` follow what the user publishes; `run` feeds the session.

    Frames are int16 mono, 16 kHz, 20 ms.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=MAX_FRAMES)
        self._arrived = asyncio.Event()
        self._track = ""
        self._reading: asyncio.Task[None] | None = None
        self._last = b""
        self.dropped = 0

    @property
    def level(self) -> float:
        """int16 RMS of the newest frame; 0.0 without a track."""
        return rms(to_pcm(self._last)) if self._reading else 0.0

    @property
    def track_sid(self) -> str:
        return self._track

    def listen(self, track: rtc.Track, tasks: asyncio.TaskGroup) -> None:
        """Takes the audio of this track from now on."""
        self.stop()
        self._track = track.sid
        self._reading = tasks.create_task(self._read(track), name=f"audio_input-{track.sid}")

    def stop(self, track_sid: str = "") -> None:
        """Takes no more audio; with `track_sid` only if that is the track."""
        if self._reading is not None and track_sid in ("", self._track):
            self._reading.cancel()
            self._reading, self._track = None, ""
            self._frames.clear()

    async def run(self, feed: Callable[[bytes], Awaitable[None]]) -> None:
        """Feeds what arrives until cancelled."""
        while True:
            while self._frames:
                await feed(self._frames.popleft())
            self._arrived.clear()
            await self._arrived.wait()

    async def _read(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(
            track, sample_rate=LISTEN_RATE, num_channels=1, frame_size_ms=FRAME_MS
        )
        try:
            async for event in stream:
                self._take(bytes(event.frame.data))
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await stream.aclose()

    def _take(self, frame: bytes) -> None:
        if len(self._frames) == MAX_FRAMES:
            self.dropped += 1
            ROOM_INPUT_DROPPED.inc()
        self._last = frame
        self._frames.append(frame)
        self._arrived.set()
