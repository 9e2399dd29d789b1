"""What a position of the input is in the client's own audio, which has none of the silence that was
filled in where it sent nothing."""

from vdx.core.audio import LISTEN_RATE


class InputClock:
    """Positions count 16 kHz samples of the input, filled silence included."""

    def __init__(self) -> None:
        self._before = 0  # samples filled in before the gaps below
        self._gaps: list[tuple[int, int]] = []  # position and samples, in order

    def fill(self, position: int, samples: int) -> None:
        """`samples` of silence are filled in at `position`."""
        if self._gaps and sum(self._gaps[-1]) == position:
            start, length = self._gaps.pop()
            self._gaps.append((start, length + samples))
            return
        if len(self._gaps) > 1:  # events look back into the utterance under way, and no further
            self._before += self._gaps.pop(0)[1]
        self._gaps.append((position, samples))

    def ms(self, position: int) -> int:
        """Milliseconds of audio that the client had sent by `position`."""
        filled = sum(min(length, max(0, position - start)) for start, length in self._gaps)
        return (position - self._before - filled) * 1000 // LISTEN_RATE
