"""A model of the client's play queue: which arriving samples are heard, and when.

A piece of audio starts at its arrival or when everything before it has been played, whichever is
later. `clear` throws away what was not heard yet, as clients do on `speech_started`; `freeze` and
`thaw` pause and resume the queue, as vdx-aware clients do.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from vdx.core.audio import to_pcm
from vdx.core.events import Pcm


@dataclass(slots=True)
class Piece:
    """Audio that arrived at once: `start` is when its first sample sounds (monotonic seconds)."""

    response: str
    arrived: float
    start: float
    pcm: Pcm
    follows: bool
    """It sounds without a gap after the piece before it."""


@dataclass(slots=True)
class Underrun:
    """The queue ran empty inside a response, outside any pause: an unintended silence."""

    response: str
    at: float
    seconds: float


@dataclass(slots=True)
class Listener:
    """Play queue for int16 mono audio at `rate` Hz; every time is `time.monotonic()` seconds."""

    rate: int
    pieces: list[Piece] = field(default_factory=list)
    underruns: list[Underrun] = field(default_factory=list)
    thrown_away: float = 0.0
    """Seconds of audio that arrived and were cleared before they sounded."""
    _end: float = 0.0
    _held: list[Piece] = field(default_factory=list)
    _frozen: bool = False
    _excused: bool = True

    @property
    def end(self) -> float:
        """When everything that has arrived will have been heard."""
        return self._end

    @property
    def newest(self) -> Pcm:
        """The samples that arrived last, held ones included; int16 [n]."""
        if self._held:
            return self._held[-1].pcm
        return self.pieces[-1].pcm if self.pieces else np.zeros(0, np.int16)

    def receive(self, response: str, pcm: bytes, now: float) -> None:
        """Queues one delta of a response; an empty one is no sound."""
        if not pcm:
            return
        piece = Piece(response, now, now, to_pcm(pcm), follows=False)
        if self._frozen:
            self._held.append(piece)
        else:
            self._queue(piece, now)

    def _queue(self, piece: Piece, now: float) -> None:
        last = self.pieces[-1] if self.pieces else None
        piece.start = max(now, self._end)
        piece.follows = now <= self._end and last is not None
        same = last is not None and last.response == piece.response
        if same and not piece.follows and not self._excused:
            self.underruns.append(Underrun(piece.response, self._end, now - self._end))
        self._excused = False
        self._end = piece.start + piece.pcm.size / self.rate
        self.pieces.append(piece)

    def excuse(self) -> None:
        """The next gap is no underrun: the reply was paused."""
        self._excused = True

    def clear(self, now: float) -> None:
        """Throws away what has not sounded by `now`."""
        self._unqueue(now)
        self.thrown_away += sum(piece.pcm.size for piece in self._held) / self.rate
        self._held.clear()
        self._frozen = False
        self.excuse()

    def freeze(self, now: float) -> None:
        """Stops playing at once and keeps what is left."""
        self._unqueue(now)
        self._frozen = True
        self.excuse()

    def thaw(self, now: float) -> None:
        """Plays on from the sample where `freeze` stopped."""
        if not self._frozen:
            return
        self._frozen = False
        held, self._held = self._held, []
        for piece in held:
            self._queue(piece, now)

    def _unqueue(self, now: float) -> None:
        """Moves what would sound after `now` from the queue to the front of what is held."""
        late: list[Piece] = []
        while self.pieces and self.pieces[-1].start + self.pieces[-1].pcm.size / self.rate > now:
            piece = self.pieces.pop()
            heard = max(0, round((now - piece.start) * self.rate))
            rest = piece.pcm[heard:]
            if rest.size:
                late.append(replace(piece, pcm=rest))
            if heard:
                self.pieces.append(replace(piece, pcm=piece.pcm[:heard]))
                break
        self._held = late[::-1] + self._held
        self._end = min(self._end, now)

    def forget(self, before: float) -> None:
        """Drops pieces that ended before a time, so that long runs do not fill the memory."""
        self.pieces = [p for p in self.pieces if p.start + p.pcm.size / self.rate > before]

    def render(self, begin: float, end: float) -> Pcm:
        """What sounded between two times: int16 [(end - begin) * rate], zeros where nothing did."""
        out = np.zeros(max(0, round((end - begin) * self.rate)), np.int16)
        position = 0
        for piece in self.pieces:
            if not piece.follows:
                position = round((piece.start - begin) * self.rate)
            first, last = max(0, position), min(out.size, position + piece.pcm.size)
            if first < last:
                out[first:last] = piece.pcm[first - position : last - position]
            position += piece.pcm.size
        return out

    def samples_of(self, response: str) -> Pcm:
        """Everything heard of one response, without the silences between: int16 [n]."""
        parts = [piece.pcm for piece in self.pieces if piece.response == response]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)
