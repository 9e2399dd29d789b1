"""Audio received in a room: WebRTC delivers it in real time, so it counts as heard on arrival.

Frames come every few ms, silence included, with jitter; a sound device would play them on a steady
clock. That clock is estimated as a slow average of the arrivals.
"""

from dataclasses import dataclass

from vdx.client.listener import Listener, Piece
from vdx.core.audio import rms, to_pcm

LOUD_RMS = 200.0
FOLLOW = 0.05
"""Share of a frame's lateness that moves the clock."""
JUMP_S = 0.1
"""A frame so far from the clock begins a new one: the track paused, or was replaced."""
KEEP_S = 120.0


@dataclass(slots=True)
class RoomAudioInput(Listener):
    """`end` is when the last loud sound is over: a track never ends by itself."""

    _clock: float = 0.0
    _received: int = 0

    def receive(self, response: str, pcm: bytes, now: float) -> bool:  # type: ignore[override]
        """Takes one frame, int16 mono at `rate` Hz, of a `response` or of none; is it loud?"""
        samples = to_pcm(pcm)
        length = samples.size / self.rate
        error = now - self._clock
        follows = bool(self.pieces) and abs(error) < JUMP_S
        start = self._clock + FOLLOW * error if follows else now
        self._clock = start + length
        self.pieces.append(Piece(response, now, start, samples, follows=False))
        loud = rms(samples) > LOUD_RMS
        if loud:
            self._end = self._clock
        self._received += 1
        if self._received % 6000 == 0:
            self.forget(now - KEEP_S)
        return loud

    def first_loud_after(self, when: float) -> float | None:
        """When the first loud frame after a time was heard."""
        for piece in self.pieces:
            if piece.start >= when and rms(piece.pcm) > LOUD_RMS:
                return piece.start
        return None

    def clear(self, now: float) -> None:
        """Does nothing: a client in a room has no queue to clear."""
