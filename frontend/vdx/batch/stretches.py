"""The speech of a recording, in order, channel by channel.

What is read is filtered, looked at in blocks of `BLOCK` samples for its channels and level, and cut
by a `Cutter` for each channel that says something of its own.
"""

from collections.abc import AsyncGenerator, Callable
from typing import Final

import numpy as np

from vdx.batch.crosstalk import without_crosstalk
from vdx.batch.cutting import JOINED, LONGEST, Cutter, Stretch
from vdx.batch.high_pass import HighPass
from vdx.batch.levelling import Leveller
from vdx.batch.recording import Recording
from vdx.core.audio import LISTEN_RATE
from vdx.core.channels import ChannelChoice
from vdx.core.config import VadConfig
from vdx.core.frame_converter import Samples
from vdx.core.threads import in_thread

BLOCK: Final = 10 * LISTEN_RATE


class _Track:
    """One channel for as long as it says something of its own."""

    def __init__(self, cutter: Cutter) -> None:
        self.cutter = cutter
        self.leveller = Leveller()


class SpeechFinder:
    """Stretches of speech out of a recording that arrives piece by piece.

    `push` and `finish` give them in the order in which they begin.
    """

    def __init__(self, cutter: Callable[[int, int], Cutter], *, split: bool = False) -> None:
        """`cutter` makes one, given where its sound begins, in samples, and its channel.

        With `split` each channel is a side of its own, whatever the others carry.
        """
        self._new_cutter = cutter
        self._split = split
        self._filter = HighPass()
        self._choice = ChannelChoice(every=split)
        self._tracks: dict[int, _Track] = {}
        self._waiting: list[Stretch] = []
        self._heard = 0
        self._position = 0
        self._blocks: Samples | None = None

    def push(self, piece: Samples) -> list[Stretch]:
        """Takes float32 [samples, channels] at 16 kHz, of a full scale of 1."""
        found: list[Stretch] = []
        if self._blocks is not None and self._blocks.shape[1] != piece.shape[1]:
            found = self._end()  # a file put behind another one
        self._heard += len(piece)
        self._keep(self._filter.push(piece))
        while self._blocks is not None and len(self._blocks) >= BLOCK:
            block, self._blocks = self._blocks[:BLOCK], self._blocks[BLOCK:]
            found += self._hear(block)
        return found

    def finish(self) -> list[Stretch]:
        """The last stretches."""
        return self._end()

    def _keep(self, sound: Samples) -> None:
        kept = self._blocks
        self._blocks = sound if kept is None else np.concatenate([kept, sound])

    def _end(self) -> list[Stretch]:
        if self._blocks is None:
            return []
        self._keep(self._filter.push(self._blocks[:0], last=True))
        if len(self._blocks):
            self._listen(self._blocks)
        self._drop(set(self._tracks))
        self._filter, self._blocks = HighPass(), None
        self._choice = ChannelChoice(every=self._split)
        return self._in_order()

    def _hear(self, block: Samples) -> list[Stretch]:
        self._listen(block)
        return self._in_order()

    def _listen(self, block: Samples) -> None:
        chosen = self._choice.of(block)
        self._drop(set(self._tracks) - set(chosen))
        block = without_crosstalk(block, chosen)
        for channel in chosen:
            if channel not in self._tracks:
                self._tracks[channel] = _Track(self._new_cutter(self._position, channel))
            track = self._tracks[channel]
            self._waiting += track.cutter.push(track.leveller.push(block[:, channel]))
        self._position += len(block)

    def _drop(self, channels: set[int]) -> None:
        for channel in sorted(channels):
            self._waiting += self._tracks.pop(channel).cutter.finish()

    def _in_order(self) -> list[Stretch]:
        """Those that nothing earlier can follow any more."""
        settled = min((t.cutter.settled for t in self._tracks.values()), default=self._heard)
        self._waiting.sort(key=lambda stretch: stretch.start)
        count = sum(stretch.start < settled for stretch in self._waiting)
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        return ready


async def stretches(
    recording: Recording,
    vad: VadConfig,
    longest: int = LONGEST,
    joined: int = JOINED,
    *,
    split: bool = False,
) -> AsyncGenerator[Stretch, None]:
    """The speech of a recording in order, read and cut in a thread; lengths are in samples.

    With `split` each channel is a side of its own.

    Raises:
        InvalidInput: the recording turns out to be broken, or too long (TooLarge).
    """
    finder = SpeechFinder(
        lambda at, channel: Cutter(vad, longest, joined, at=at, channel=channel), split=split
    )

    def advance() -> list[Stretch] | None:
        piece = recording.read()
        return finder.push(piece) if piece.size else None

    while (found := await in_thread(advance)) is not None:
        for stretch in found:
            yield stretch
    for stretch in await in_thread(finder.finish):
        yield stretch
