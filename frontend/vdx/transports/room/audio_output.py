"""The bot's voice in a room: one published track, fed at the pace of playout.

What waits in the source stays at 20 ms, and grows only where frames come late (`output_lead.py`).
During a pause nothing is fed, so a resume continues with the first sample that was not fed; only
the rest of a cancelled reply is cleared.
"""

import asyncio
import contextlib
import time
import wave
from pathlib import Path

import numpy as np
from livekit import rtc

from vdx.core.audio import SPEAK_FRAME, SPEAK_RATE
from vdx.core.events import Pcm
from vdx.core.logs import logger
from vdx.core.metrics import PACING_ERROR, ROOM_OUTPUT_UNDERRUNS
from vdx.core.threads import in_thread
from vdx.transports.room.output_lead import OutputLead

log = logger(__name__)

TRACK_NAME = "vdx"
SUBSCRIBED_S = 3.0
"""Seconds that a user's client may take to subscribe before the session starts without it."""
MAX_RECORDED_FRAMES = 50 * 60 * 10


class AudioOutput:
    """`play` from one reply at a time, so far ahead of the listener as `lead` says."""

    def __init__(self, lead: OutputLead) -> None:
        self._lead = lead
        # Playout alone decides how much waits here: at its bound, feeding would block.
        self._source = rtc.AudioSource(SPEAK_RATE, 1, queue_size_ms=lead.most_ms)
        self._publication: rtc.LocalTrackPublication | None = None
        self._recorded: list[Pcm] | None = None
        self._feeding = asyncio.Lock()  # the source refuses a frame while it takes another

    @property
    def track_sid(self) -> str:
        """The published track; empty before `publish`."""
        return self._publication.sid if self._publication else ""

    async def publish(self, participant: rtc.LocalParticipant) -> None:
        track = rtc.LocalAudioTrack.create_audio_track(TRACK_NAME, self._source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        self._publication = await participant.publish_track(track, options)

    async def wait_for_listener(self) -> None:
        """Waits for a subscriber of the track, SUBSCRIBED_S at most: the greeting needs one."""
        if self._publication is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SUBSCRIBED_S):
                    await asyncio.shield(self._publication.wait_for_subscription())

    async def play(self, row: Pcm, due: float) -> None:
        """Feeds one frame (int16 [960], 48 kHz) that was due at `due`, monotonic seconds."""
        frame = rtc.AudioFrame(row.tobytes(), SPEAK_RATE, 1, SPEAK_FRAME)
        late_s = max(0.0, time.monotonic() - due)
        PACING_ERROR.observe(late_s)
        if self._lead.observe(late_s):
            ROOM_OUTPUT_UNDERRUNS.inc()
        if self._recorded is not None and len(self._recorded) < MAX_RECORDED_FRAMES:
            self._recorded.append(row)
        async with self._feeding:
            await self._source.capture_frame(frame)

    async def send_silence(self) -> None:
        """Feeds one silent frame at a pause; it is no part of any reply.

        Without it the listener's jitter buffer takes the pause for packet loss and repeats the last
        sound for some 40 ms.
        """
        async with self._feeding:
            await self._source.capture_frame(_SILENCE)

    def clear(self) -> None:
        """Drops what is queued of a reply that was cancelled."""
        self._source.clear_queue()

    def record(self) -> None:
        """Keeps what is fed from now on, ten minutes at most, for `save`."""
        self._recorded = []

    async def save(self, file: Path) -> None:
        """Writes what was recorded, if anything, as a WAV file."""
        if self._recorded:
            await in_thread(_write, file, np.concatenate(self._recorded))

    async def close(self) -> None:
        await self._source.aclose()


_SILENCE = rtc.AudioFrame(bytes(2 * SPEAK_FRAME), SPEAK_RATE, 1, SPEAK_FRAME)


def _write(file: Path, pcm: Pcm) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    with wave.open(str(unfinished), "wb") as out:
        out.setparams((1, 2, SPEAK_RATE, 0, "NONE", ""))
        out.writeframes(pcm.tobytes())
    unfinished.replace(file)
