"""Decoded audio of any rate and channel count as mono of one rate."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vdx.core.ffmpeg import library

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Samples = npt.NDArray[np.float32]

PIECE_SAMPLES: Final = 500_000
"""Decoded at a time, over all channels: whoever closes a recording waits for no more than this."""


class MonoMixer:
    """Decoded frames as float32 mono at `rate` Hz; their own rate and channels may change."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._source: tuple[str, str, int] | None = None
        self._channels = 1
        self._packer: Any = None
        self._resampler: Any = None

    def push(self, frame: "AudioFrame") -> Samples:
        """The samples that are complete now: a second, or nothing yet."""
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        if source == self._source:
            return self._joined(self._packer.resample(frame))
        before = self.finish()
        self._begin(frame)
        self._source = source
        return np.concatenate([before, self._joined(self._packer.resample(frame))])

    def finish(self) -> Samples:
        """What is still held back."""
        if self._packer is None:
            return np.zeros(0, np.float32)
        packer, self._packer, self._source = self._packer, None, None
        return self._joined(packer.resample(None), last=True)

    def _begin(self, frame: "AudioFrame") -> None:
        import soxr

        rate, self._channels = frame.sample_rate, frame.layout.nb_channels
        size = min(rate, PIECE_SAMPLES // self._channels)
        # Packed, for of a planar frame with 8 channels or more PyAV reads beyond the planes, and
        # the process ends; joined, for the steps below cost as much for a frame as for a second.
        self._packer = library().AudioResampler("flt", frame.layout, rate, size)
        self._resampler = None
        if rate != self._rate:
            self._resampler = soxr.ResampleStream(rate, self._rate, 1, quality="HQ")

    def _joined(self, packed: "list[AudioFrame]", *, last: bool = False) -> Samples:
        """Mixed down and resampled."""
        arrays: list[Any] = [frame.to_ndarray() for frame in packed]
        pieces = [self._mixed(array.reshape(-1)) for array in arrays]
        mono = np.concatenate([np.zeros(0, np.float32), *pieces])
        if self._resampler is None or not (mono.size or last):
            return mono
        return np.asarray(self._resampler.resample_chunk(mono, last=last), np.float32)

    def _mixed(self, packed: Samples) -> Samples:
        count = self._channels
        # Not `mean`, which takes ten times as long along so short an axis.
        total: Any = sum((packed[first::count] for first in range(1, count)), packed[::count])
        return np.nan_to_num(np.asarray(total / count, np.float32), posinf=1.0, neginf=-1.0)
