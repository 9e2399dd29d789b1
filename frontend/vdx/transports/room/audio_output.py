"""The bot's voice in a room: one published track, fed at the pace of playout.

What waits in the source stays at 20 ms, and grows only where frames come late (`output_lead.py`).
A pause takes it back, so that the listener's side falls silent without it, and a resume feeds it
again. The source does not tell what it has sent: that is known to 10 ms, the length of its ticks.

What is on its way to the listener at a pause, some 50 ms, is heard behind it; but not by a client
that falls silent at `vdx.playout.paused`, to which it is fed again too (`silent_at_pause`).
"""

import asyncio
import contextlib
import time
import wave
from collections import deque
from pathlib import Path

import numpy as np
from livekit import rtc

from vdx.core.audio import FRAME_MS, SPEAK_FRAME, SPEAK_RATE, fade_in
from vdx.core.events import Pcm
from vdx.core.logs import logger
from vdx.core.metrics import PACING_ERROR, ROOM_OUTPUT_UNDERRUNS
from vdx.core.threads import in_thread
from vdx.transports.room.output_lead import TICK_MS, OutputLead

log = logger(__name__)

TRACK_NAME = "vdx"
TICK = TICK_MS * SPEAK_RATE // 1000
NOTHING: Pcm = np.zeros(0, np.int16)
FADE = 5 * SPEAK_RATE // 1000
"""Samples; what is fed again begins without a click."""
SUBSCRIBED_S = 3.0
"""Seconds that a user's client may take to subscribe before the session starts without it."""
UNHEARD_MS = 50
"""Milliseconds of sound that left a track and were not heard when its listener falls silent: those
of packet, codec and jitter buffer, 60 to 70, less the way of the event, which waits in none."""
IN_FLIGHT_S = 0.2
"""Seconds from a track to an ear: the network, and what a listener's jitter buffer holds."""
MAX_RECORDED_FRAMES = 50 * 60 * 10


class AudioOutput:
    """`play` from one reply at a time, so far ahead of the listener as `lead` says."""

    def __init__(self, lead: OutputLead) -> None:
        self._lead = lead
        # Playout alone decides how much waits here: at its bound, feeding would block.
        # It holds twice that: the lead, what a pause took back, and the silence between them.
        queue_ms = lead.most_ms + UNHEARD_MS + 2 * FRAME_MS
        self._source = rtc.AudioSource(SPEAK_RATE, 1, queue_size_ms=queue_ms)
        self._publication: rtc.LocalTrackPublication | None = None
        self._recorded: list[Pcm] | None = None
        self._feeding = asyncio.Lock()  # the source refuses a frame while it takes another
        # The newest rows, each with when it has left the source (monotonic seconds): they may wait
        # there, or be on their way.
        most = 2 * (lead.most_ms + UNHEARD_MS) // FRAME_MS
        self._fed: deque[tuple[Pcm, float]] = deque(maxlen=most)
        self._dry_at = 0.0  # when nothing waits there any more
        self._taken_back = NOTHING
        self.silent_at_pause = False
        """The listener falls silent as soon as the event of a pause arrives."""

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
        late_s = max(0.0, time.monotonic() - due)
        PACING_ERROR.observe(late_s)
        if self._lead.observe(late_s):
            ROOM_OUTPUT_UNDERRUNS.inc()
        if self._recorded is not None and len(self._recorded) < MAX_RECORDED_FRAMES:
            self._recorded.append(row)
        async with self._feeding:
            await self._feed_again()
            await self._feed(row)

    async def send_silence(self) -> None:
        """Feeds one silent frame at a pause; it is no part of any reply.

        Without it the listener's jitter buffer takes the pause for packet loss and repeats the last
        sound for some 40 ms.
        """
        async with self._feeding:
            await self._source.capture_frame(_SILENCE)

    def take_back(self) -> None:
        """Empties the source at a pause; what was in it is fed again by `give_back` or `play`."""
        self._source.clear_queue()
        if self._fed:
            unheard_s = UNHEARD_MS / 1000 if self.silent_at_pause else 0.0
            heard_until = time.monotonic() - unheard_s
            left = [_behind(pcm, left_at, heard_until) for pcm, left_at in self._fed]
            self._taken_back = np.concatenate(left)
            self._fed.clear()
            self._dry_at = 0.0

    async def give_back(self) -> None:
        """Feeds what a pause took back: the reply goes on."""
        async with self._feeding:
            await self._feed_again()

    def clear(self) -> None:
        """Drops what is queued of a reply that was cancelled."""
        self._source.clear_queue()
        self._fed.clear()
        self._taken_back = NOTHING
        self._dry_at = 0.0

    def forget(self) -> None:
        """A reply is over: what was taken back of it is heard no more."""
        self._taken_back = NOTHING

    async def _feed_again(self) -> None:
        if self._taken_back.size:
            again, self._taken_back = fade_in(self._taken_back, FADE), NOTHING
            await self._feed(again)

    async def _feed(self, pcm: Pcm) -> None:
        now = time.monotonic()
        while self._fed and self._fed[0][1] <= now - UNHEARD_MS / 1000:
            self._fed.popleft()  # it was heard
        self._dry_at = max(self._dry_at, now) + pcm.size / SPEAK_RATE
        self._fed.append((pcm, self._dry_at))
        await self._source.capture_frame(rtc.AudioFrame(pcm.tobytes(), SPEAK_RATE, 1, pcm.size))

    async def played_out(self) -> None:
        """Returns when all that was fed is heard; the source holds little, so it is soon."""
        left_s = self._dry_at + IN_FLIGHT_S - time.monotonic()
        if left_s > 0:
            await asyncio.sleep(left_s)

    def record(self) -> None:
        """Keeps what is fed from now on, ten minutes at most, for `save`."""
        self._recorded = []

    async def save(self, file: Path) -> None:
        """Writes what was recorded, if anything, as a WAV file."""
        if self._recorded:
            await in_thread(_write, file, np.concatenate(self._recorded))

    async def close(self) -> None:
        await self._source.aclose()


def _behind(pcm: Pcm, left_at: float, heard_until: float) -> Pcm:
    """What of a row that has left the source at `left_at` leaves it after `heard_until`.

    To whole ticks, in which the source sends. Rows are looked at one by one: between two that came
    late the source has sent silence.
    """
    ticks = round((left_at - heard_until) * 1000 / TICK_MS)
    return pcm[pcm.size - max(0, min(ticks * TICK, pcm.size)) :]


_SILENCE = rtc.AudioFrame(bytes(2 * SPEAK_FRAME), SPEAK_RATE, 1, SPEAK_FRAME)


def _write(file: Path, pcm: Pcm) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".part")
    with wave.open(str(unfinished), "wb") as out:
        out.setparams((1, 2, SPEAK_RATE, 0, "NONE", ""))
        out.writeframes(pcm.tobytes())
    unfinished.replace(file)
