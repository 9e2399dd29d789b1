"""The linked user's microphone: a track's frames, through a bounded queue, to the session.

What was recorded before the track was heard (`pre_connect.py`) comes first, and the track's frames
wait for it: they begin where it ends (`continued_audio.py`).
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

from livekit import rtc

from vdx.core.audio import FRAME_MS, LISTEN_FRAME, LISTEN_RATE, SAMPLE_BYTES, rms, to_pcm
from vdx.core.events import Pcm
from vdx.core.logs import logger
from vdx.core.metrics import ROOM_INPUT_DROPPED
from vdx.core.threads import in_thread
from vdx.transports.room.continued_audio import ends_at

log = logger(__name__)

MAX_FRAMES = 100
"""Two seconds; when the session is further behind, the oldest frame is dropped and counted."""
MAX_EARLY_FRAMES = 500
"""The same from the beginning of a track until the session has taken what waits: models may have
to be loaded, and what was recorded before may be on its way."""
FRAME_BYTES = LISTEN_FRAME * SAMPLE_BYTES
COMPARED_FRAMES = 60
"""Of the track, in which the end of what was recorded before is looked for."""
COMPARED_S = 1.5
CLOSE_S = 2.0

Earlier = Callable[[], Awaitable[Pcm]]
"""Returns what was recorded before a track was heard: int16 mono, 16 kHz, or nothing."""


class AudioInput:
    """`listen` and `stop` follow what the user publishes; `run` feeds the session.

    Frames are int16 mono, 16 kHz, 20 ms.
    """

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=MAX_EARLY_FRAMES)
        self._most = MAX_EARLY_FRAMES
        self._arrived = asyncio.Event()
        self._track = ""
        self._reading: asyncio.Task[None] | None = None
        self._joining: asyncio.Task[None] | None = None
        self._last = b""
        self.dropped = 0

    @property
    def level(self) -> float:
        """int16 RMS of the newest frame; 0.0 without a track."""
        return rms(to_pcm(self._last)) if self._reading else 0.0

    @property
    def track_sid(self) -> str:
        return self._track

    def listen(
        self, track: rtc.Track, tasks: asyncio.TaskGroup, earlier: Earlier | None = None
    ) -> None:
        """Takes the audio of this track from now on, behind what `earlier` returns."""
        self.stop()
        self._track, self._most = track.sid, MAX_EARLY_FRAMES
        self._reading = tasks.create_task(self._read(track), name=f"audio_input-{track.sid}")
        if earlier is not None:
            self._joining = tasks.create_task(self._join(earlier), name=f"earlier-{track.sid}")

    def stop(self, track_sid: str = "") -> None:
        """Takes no more audio; with `track_sid` only if that is the track."""
        if self._reading is not None and track_sid in ("", self._track):
            self._reading.cancel()
            if self._joining is not None:
                self._joining.cancel()
            self._reading, self._joining, self._track = None, None, ""
            self._frames.clear()

    async def run(self, feed: Callable[[bytes], Awaitable[None]]) -> None:
        """Feeds what arrives until cancelled."""
        while True:
            while self._frames and self._joining is None:
                await feed(self._frames.popleft())
                if not self._frames:
                    self._most = MAX_FRAMES
            await self._change()

    async def _change(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()

    async def _join(self, earlier: Earlier) -> None:
        """Puts what `earlier` returns before the frames that came meanwhile."""
        try:
            recorded = await earlier()
            if recorded.size:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(COMPARED_S):
                        while len(self._frames) < COMPARED_FRAMES:
                            await self._change()
                dropped, live = self.dropped, to_pcm(b"".join(self._frames))
                shared = await in_thread(ends_at, recorded, live)
                shared -= (self.dropped - dropped) * LISTEN_FRAME
                self._prepend(recorded, max(0, shared))
        finally:
            if self._joining is asyncio.current_task():
                self._joining = None
            self._arrived.set()

    def _prepend(self, recorded: Pcm, shared: int) -> None:
        """Puts a recording before the track's frames, without their first `shared` samples."""
        rest = shared * SAMPLE_BYTES
        while self._frames and rest >= len(self._frames[0]):
            rest -= len(self._frames.popleft())
        if self._frames:
            self._frames[0] = self._frames[0][rest:]
        # One piece, which takes one place: the session cuts it into frames.
        pcm = recorded.tobytes()
        while len(self._frames) >= self._most:
            pcm += self._frames.popleft()
        self._frames.appendleft(pcm)

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
        while len(self._frames) >= self._most:
            self._drop()
        self._last = frame
        self._frames.append(frame)
        self._arrived.set()

    def _drop(self) -> None:
        """Drops the oldest 20 ms; what is left of a recording takes the place with the next."""
        if rest := self._frames.popleft()[FRAME_BYTES:]:
            self._frames[0] = rest + self._frames[0]
        self.dropped += 1
        ROOM_INPUT_DROPPED.inc()
