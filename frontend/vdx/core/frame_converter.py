"""Decoded audio of any rate and channels as samples of one rate, mono or channel by channel."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vdx.core.ffmpeg import library

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Samples = npt.NDArray[np.float32]

PIECE_SAMPLES: Final = 500_000
"""Decoded at a time, over all channels: whoever closes a recording waits for no more than this."""

LARGEST: Final = 1e30
"""Of a full scale of 1."""


class FrameConverter:
    """Decoded frames as float32 at `rate` Hz; their own rate and channels may change.

    `mono`: [samples], the mean of the channels; else [samples, channels], where channels that end
    in the middle are silent from there on.
    """

    def __init__(self, rate: int, *, mono: bool = True) -> None:
        self._rate = rate
        self._mono = mono
        self._source: tuple[str, str, int] | None = None
        self._channels = 1
        self._width = 1
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
        after = self._joined(self._packer.resample(frame))
        return np.concatenate([self._widened(before), after])

    def finish(self) -> Samples:
        """What is still held back."""
        if self._packer is None:
            return self._none()
        packer, self._packer, self._source = self._packer, None, None
        return self._joined(packer.resample(None), last=True)

    def _none(self) -> Samples:
        return np.zeros(0 if self._mono else (0, self._width), np.float32)

    def _begin(self, frame: "AudioFrame") -> None:
        import soxr

        rate, self._channels = frame.sample_rate, frame.layout.nb_channels
        self._width = max(self._width, self._channels)
        size = min(rate, PIECE_SAMPLES // self._channels)
        # Packed, for of a planar frame with 8 channels or more PyAV reads beyond the planes, and
        # the process ends; joined, for the steps below cost as much for a frame as for a second.
        self._packer = library().AudioResampler("flt", frame.layout, rate, size)
        self._resampler = None
        if rate != self._rate:
            count = 1 if self._mono else self._channels
            self._resampler = soxr.ResampleStream(rate, self._rate, count, quality="HQ")

    def _joined(self, packed: "list[AudioFrame]", *, last: bool = False) -> Samples:
        """Mixed down where that is wanted, and resampled."""
        arrays: list[Any] = [frame.to_ndarray() for frame in packed]
        # A float may be anything; sums of the largest ones would be infinite.
        limited = [np.nan_to_num(array.reshape(-1)).clip(-LARGEST, LARGEST) for array in arrays]
        pieces = [self._arranged(array) for array in limited]
        none = np.zeros(0 if self._mono else (0, self._channels), np.float32)
        sound = np.concatenate([none, *pieces])
        if self._resampler is not None and (sound.size or last):
            sound = np.asarray(self._resampler.resample_chunk(sound, last=last), np.float32)
        return self._widened(sound)

    def _arranged(self, packed: Samples) -> Samples:
        count = self._channels
        if self._mono:
            # Not `mean`, which takes ten times as long along so short an axis.
            total: Any = sum((packed[first::count] for first in range(1, count)), packed[::count])
            return np.asarray(total / count, np.float32)
        return packed.reshape(-1, count)

    def _widened(self, sound: Samples) -> Samples:
        """With silent channels beside, up to the most there were."""
        if self._mono:
            return sound
        return np.pad(sound, ((0, 0), (0, self._width - sound.shape[1])))
