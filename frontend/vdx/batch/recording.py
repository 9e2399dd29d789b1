"""Recordings of speech: decoded as they are read and cut into stretches of speech.

A second at a time, so that a compressed file of many hours needs no more memory than a short one.
"""

import threading
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import numpy as np

from vdx.core.audio import LISTEN_FRAME, LISTEN_RATE, SAMPLE_BYTES, Framer, to_pcm
from vdx.core.audio_decoder import AudioDecoder, open_file
from vdx.core.config import VadConfig
from vdx.core.errors import InvalidInput, TooLarge
from vdx.core.events import Pcm, SessionState, SpeechEnded, SpeechStarted
from vdx.core.threads import in_thread
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


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Speech in a recording: where it begins, in 16 kHz samples, and its int16 audio."""

    start: int
    audio: Pcm

    @property
    def end(self) -> int:
        return self.start + self.audio.size


class Recording:
    """Any file `AudioDecoder` reads, any rate, mono or more channels, as int16 16 kHz mono.

    `name` is what errors call it, `heard` counts 16 kHz samples read so far. Reading blocks: on
    an event loop, use `stretches`. Closing waits until a thread that reads has done so: FFmpeg ends
    the process when a file is closed under it. `limit_s` is how long, in seconds, it may last, 0 as
    long as it likes; it is checked against what the file says and what is read.

    Raises:
        InvalidInput: there is no such file, or it is not audio that can be read.
        TooLarge: it lasts longer than `limit_s`.
    """

    def __init__(self, source: Path | BinaryIO, name: str = "", limit_s: float = 0.0) -> None:
        self.name = name or str(source)
        self._limit_s = limit_s
        self._in_use = threading.Lock()
        self._closed = False
        self._file: BinaryIO = open_file(source) if isinstance(source, Path) else source
        try:
            self._decoder = AudioDecoder(self._file, self.name, LISTEN_RATE)
        except InvalidInput:
            self._file.close()
            raise
        self.heard = 0
        try:
            if self._decoder.truthful:
                self._check_length(self.seconds)
        except TooLarge:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; waits for the piece that is being read, some milliseconds."""
        with self._in_use:
            self._closed = True
            self._decoder.close()
            self._file.close()

    @property
    def seconds(self) -> float:
        """How long it says it is; 0.0 where it does not say."""
        return self._decoder.seconds

    def read(self) -> Pcm:
        """The next second or less; empty at the end.

        Raises:
            InvalidInput: the recording is broken, or was closed.
            TooLarge: it lasts longer than it may.
        """
        with self._in_use:
            if self._closed:
                raise InvalidInput(f"{self.name} was closed while it was read", param="file")
            samples = self._decoder.read()
        self.heard += samples.size
        self._check_length(self.heard / LISTEN_RATE)
        return (samples * 32767).clip(-32768, 32767).astype(np.int16)

    def _check_length(self, seconds: float) -> None:
        if 0 < self._limit_s < seconds:
            raise TooLarge(
                f"{self.name} lasts longer than the {self._limit_s:g} s that are taken",
                param="file",
            )


class Cutter:
    """Finds the speech in a recording that arrives piece by piece.

    The detector of conversations with other limits: `FILE_SILENCE_MS` of silence end a stretch,
    and what is as loud as `FILE_THRESHOLD` may be speech.
    """

    def __init__(self, vad: VadConfig, longest: int = LONGEST, joined: int = JOINED) -> None:
        self._longest = longest
        self._joined = joined
        gate = vad.noise_gate
        quiet = gate.model_copy(update={"min_threshold": min(gate.min_threshold, FILE_THRESHOLD)})
        patient = max(vad.min_silence_duration_ms, FILE_SILENCE_MS)
        self._detector = SpeechDetector(
            vad.model_copy(update={"noise_gate": quiet, "min_silence_duration_ms": patient})
        )
        self._framer = Framer(LISTEN_FRAME * SAMPLE_BYTES)
        self._audio = np.zeros(0, np.int16)
        self._origin = 0  # of `_audio` in the recording
        self._start: int | None = None  # of the stretch under way
        self._end: int | None = None  # of its speech so far, in a pause
        self._resumed: tuple[int, int] | None = None  # its last pause: from, to
        self._taken = 0
        self._length = 0

    def push(self, pcm: Pcm) -> list[Stretch]:
        """The stretches that are over now; `pcm` is int16, 16 kHz, of any size."""
        self._audio = np.concatenate([self._audio, pcm])
        self._length += pcm.size
        found = [s for frame in self._framer.push(pcm.tobytes()) for s in self._hear(frame)]
        keep = self._detector.position - PRE_ROLL - LISTEN_RATE  # an onset may lie a bit back
        self._forget(keep if self._start is None else min(keep, self._start))
        return found

    def finish(self) -> list[Stretch]:
        """The last stretches, one that is not over included."""
        length = self._length
        found = self.push(np.zeros(LISTEN_RATE * 2 + JOIN_GAP, np.int16))
        cut = [Stretch(s.start, s.audio[: length - s.start]) for s in found if s.start < length]
        return [stretch for stretch in cut if stretch.audio.size]

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
        audio = self._audio[start - self._origin : end - self._origin].copy()
        self._taken = end
        self._start = self._end = self._resumed = None
        return Stretch(start, audio)

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


async def stretches(
    recording: Recording, vad: VadConfig, longest: int = LONGEST, joined: int = JOINED
) -> AsyncGenerator[Stretch, None]:
    """The speech of a recording in order, read and cut in a thread; lengths are in samples.

    Raises:
        InvalidInput: the recording turns out to be broken, or too long (TooLarge).
    """
    cutter = Cutter(vad, longest, joined)

    def advance() -> list[Stretch] | None:
        pcm = recording.read()
        return cutter.push(pcm) if pcm.size else None

    while (found := await in_thread(advance)) is not None:
        for stretch in found:
            yield stretch
    for stretch in await in_thread(cutter.finish):
        yield stretch
