"""Voices of recordings, computed once: kept by the hash of the recording, the oldest forgotten."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from triton_backends.shared.contract import REFERENCE_RATE
from triton_backends.shared.errors import InvalidArgument

LEAST_SECONDS = 3
KEPT = 64
"""Voices; about 100 kB each."""

V = TypeVar("V")


class References(Generic[V]):
    """A bounded cache; any number of threads. `tell` hears of each use whether it was kept.

    `compute` makes of a recording what the family keeps of it.
    """

    def __init__(self, compute: Callable[[NDArray[np.int16]], V], kept: int) -> None:
        self._compute = compute
        self._most = kept
        self._kept: OrderedDict[tuple[bytes, str], V] = OrderedDict()
        self._lock = threading.Lock()
        self.tell: Callable[[bool], None] = lambda _known: None

    def of(
        self,
        audio: NDArray[np.int16],
        variant: str = "",
        compute: Callable[[NDArray[np.int16]], V] | None = None,
    ) -> V:
        """The voice of a recording, int16 mono at 24 kHz, of LEAST_SECONDS and more.

        `variant` names a state of the model in which it computes another one; it is kept by itself.
        `compute` is what computes it there, where that is not the usual one.

        Raises InvalidArgument where it is too short, or silent.
        """
        seconds = audio.size / REFERENCE_RATE
        if seconds < LEAST_SECONDS:
            raise InvalidArgument(
                f"REFERENCE_AUDIO has {seconds:.1f} s; a voice is taken from {LEAST_SECONDS} to 30"
            )
        if not np.any(audio):
            raise InvalidArgument("REFERENCE_AUDIO is silent")
        key = hashlib.sha256(audio.tobytes()).digest(), variant
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        self.tell(found is not None)
        if found is not None:
            return found
        made = (compute or self._compute)(audio)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)


def made_up_recording() -> NDArray[np.int16]:
    """Four seconds of a sound with many harmonics, at 24 kHz: a voice where nobody gave one."""
    times = np.arange(4 * REFERENCE_RATE) / REFERENCE_RATE
    pulses = np.mod(times * 140, 1) - 0.5
    wave = pulses * np.sin(2 * np.pi * 2 * times) ** 2 * 12_000
    return np.asarray(wave, np.int16)
