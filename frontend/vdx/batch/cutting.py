"""Cuts the sound of a recording into stretches of speech."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE, SAMPLE_BYTES, Framer, to_pcm
from vdx.core.config import VadConfig
from vdx.core.events import Pcm, SessionState, SpeechEnded, SpeechStarted
from vdx.speech.input.vad import SpeechDetector

PRE_ROLL: Final = LISTEN_RATE * 3 // 10
TAIL: Final = LISTEN_RATE * 2 // 10
"""Silence kept before and after speech, in samples: recognisers want to hear it begin and end."""
LONGEST: Final = 28 * LISTEN_RATE
"""Samples of a stretch: within what recognisers with a window of 30 s hear at once."""
JOINED: Final = 4 * LISTEN_RATE
"""A stretch shorter than this takes in what follows a pause of up to `JOIN_GAP` samples: a
recogniser hears better when it hears more than a phrase."""
JOIN_GAP: Final = LISTEN_RATE * 3 // 2
SEARCH: Final = 4 * LISTEN_RATE
"""Speech that is too long is parted at the quietest moment of so many samples at its end."""
FILE_SILENCE_MS: Final = 500
"""Longer than in a conversation: no reply waits, so short pauses need not end a stretch."""
FILE_THRESHOLD: Final = 80.0
"""int16 RMS; lower than in a conversation, because noise here can interrupt no reply."""
EDGE: Final = np.zeros(PRE_ROLL, np.int16)
"""Silence heard before what is cut and after it: speech may fill a file to its edges."""
LEAST_LOUD: Final = 3
"""Frames of 20 ms as loud as `FILE_THRESHOLD`: a sound in which no voice was detected is kept where
it has so many and nothing else was found, for the recogniser to judge."""
STEADY: Final = 1.25
"""The loud frames of a sound over its quiet ones: noise of a line or of a fan does not even reach
this, speech under it does, as long as anybody could understand it."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Speech in a recording: its first 16 kHz sample, its int16 audio, and its channel.

    `before` and `after` say how much silence was put around the audio, in samples.
    """

    start: int
    audio: Pcm
    before: int = 0
    after: int = 0
    channel: int = 0

    @property
    def end(self) -> int:
        return self.start + self.audio.size

    @property
    def padded(self) -> Pcm:
        """The audio with the silence around it."""
        return np.pad(self.audio, (self.before, self.after))


class Cutter:
    """Finds the speech in a recording that arrives piece by piece.

    The detector of conversations with other limits: `FILE_SILENCE_MS` of silence end a stretch,
    and what is as loud as `FILE_THRESHOLD` may be speech. `at` is where its sound begins in the
    recording, in samples.
    """

    def __init__(
        self,
        vad: VadConfig,
        longest: int = LONGEST,
        joined: int = JOINED,
        *,
        at: int = 0,
        channel: int = 0,
    ) -> None:
        self._at = at
        self._channel = channel
        self._longest = longest
        self._joined = joined
        gate = vad.noise_gate
        quiet = gate.model_copy(update={"min_threshold": min(gate.min_threshold, FILE_THRESHOLD)})
        patient = max(vad.min_silence_duration_ms, FILE_SILENCE_MS)
        self._detector = SpeechDetector(
            vad.model_copy(update={"noise_gate": quiet, "min_silence_duration_ms": patient})
        )
        self._framer = Framer(LISTEN_FRAME * SAMPLE_BYTES)
        # Positions here count from the start of the silence before the sound.
        self._audio = np.zeros(0, np.int16)
        self._origin = 0  # of `_audio`
        self._start: int | None = None  # of the stretch under way
        self._end: int | None = None  # of its speech so far, in a pause
        self._resumed: tuple[int, int] | None = None  # its last pause: from, to
        self._taken = 0
        self._length = 0
        self._hear_all(EDGE)

    @property
    def settled(self) -> int:
        """Where in the recording the next stretch begins at the earliest."""
        back = self._detector.position - PRE_ROLL - LISTEN_RATE  # an onset may lie a bit back
        return self._at - EDGE.size + (back if self._start is None else min(back, self._start))

    def push(self, pcm: Pcm) -> list[Stretch]:
        """The stretches that are over now; `pcm` is int16, 16 kHz, of any size."""
        self._length += pcm.size
        found = self._hear_all(pcm)
        if self._taken or self._length > self._longest:
            self._forget(self.settled - self._at + EDGE.size)
        return found

    def finish(self) -> list[Stretch]:
        """The last stretches, one that is not over included."""
        found = self._hear_all(np.zeros(LISTEN_RATE * 2 + JOIN_GAP, np.int16))
        if not self._taken and self._length <= self._longest and self._sounds():
            found = [self._stretch(0, EDGE.size + self._length + TAIL)]
        return [stretch for stretch in found if stretch.audio.size]

    def _sounds(self) -> bool:
        """Whether something is heard in what was kept that is no steady noise."""
        frames = self._audio[: self._audio.size // LISTEN_FRAME * LISTEN_FRAME]
        levels = np.sqrt(
            np.square(frames.astype(np.float32)).reshape(-1, LISTEN_FRAME).mean(axis=1)
        )
        heard = levels[EDGE.size // LISTEN_FRAME : (EDGE.size + self._length) // LISTEN_FRAME]
        if self._length >= LISTEN_RATE:
            quiet, loud = np.percentile(heard, (5, 95))
            if loud < STEADY * quiet:
                return False
        return int((levels >= FILE_THRESHOLD).sum()) >= LEAST_LOUD

    def _hear_all(self, pcm: Pcm) -> list[Stretch]:
        self._audio = np.concatenate([self._audio, pcm])
        return [s for frame in self._framer.push(pcm.tobytes()) for s in self._hear(frame)]

    def _hear(self, frame: bytes) -> list[Stretch]:
        found: list[Stretch] = []
        for event in self._detector.process(frame, SessionState.LISTENING):
            if isinstance(event, SpeechStarted):
                found += self._begin(event.at - PRE_ROLL)
            elif isinstance(event, SpeechEnded) and self._start is not None:
                self._end = event.at + TAIL
        if self._start is None:
            return found
        position = self._detector.position
        if self._end is not None:
            resumes = position - self._end <= JOIN_GAP + PRE_ROLL
            if not resumes or self._end - self._start >= self._joined:
                found.append(self._take(self._end))
        elif position - self._start >= self._longest:
            found.append(self._part())
        return found

    def _begin(self, onset: int) -> list[Stretch]:
        """Speech begins: of the stretch before the pause, or of a new one."""
        found: list[Stretch] = []
        if self._start is not None and self._end is not None:
            if onset - self._end <= JOIN_GAP:
                self._resumed, self._end = (self._end, max(self._end, onset)), None
                return []
            found.append(self._take(self._end))
        self._start = max(self._taken, onset)
        return found

    def _part(self) -> Stretch:
        """What comes before the last pause, or else the quietest moment, of too long a stretch."""
        if self._resumed is not None:
            end, start = self._resumed
        else:
            end = start = self._quietest()
        stretch = self._take(end)
        self._start = start
        return stretch

    def _take(self, end: int) -> Stretch:
        start = self._start or 0
        self._taken = end
        self._start = self._end = self._resumed = None
        return self._stretch(start, end)

    def _stretch(self, start: int, end: int) -> Stretch:
        first, last = EDGE.size, EDGE.size + self._length
        begin, stop = min(max(start, first), last), max(min(end, last), first)
        return Stretch(
            self._at + begin - first,
            self._audio[begin - self._origin : stop - self._origin].copy(),
            before=max(0, first - start),
            after=max(0, end - last),
            channel=self._channel,
        )

    def _quietest(self) -> int:
        """The quietest position near the end of what was read."""
        position = self._detector.position
        tail = self._audio[position - SEARCH - self._origin : position - self._origin]
        frames = np.square(to_pcm(tail.tobytes()).astype(np.float32)).reshape(-1, LISTEN_FRAME)
        smooth = np.convolve(frames.mean(axis=1), np.ones(5), "valid")
        return position - SEARCH + (int(smooth.argmin()) + 2) * LISTEN_FRAME

    def _forget(self, before: int) -> None:
        drop = before - self._origin
        if drop > 0:
            self._audio = self._audio[drop:].copy()
            self._origin += drop
