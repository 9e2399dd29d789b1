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
        self._kept: OrderedDict[bytes, V] = OrderedDict()
        self._lock = threading.Lock()
        self.tell: Callable[[bool], None] = lambda _known: None

    def of(self, audio: NDArray[np.int16]) -> V:
        """The voice of a recording, int16 mono at 24 kHz, of LEAST_SECONDS and more.

        Raises InvalidArgument where it is too short, or silent.
        """
        seconds = audio.size / REFERENCE_RATE
        if seconds < LEAST_SECONDS:
            raise InvalidArgument(
                f"REFERENCE_AUDIO has {seconds:.1f} s; a voice is taken from {LEAST_SECONDS} to 30"
            )
        if not np.any(audio):
            raise InvalidArgument("REFERENCE_AUDIO is silent")
        key = hashlib.sha256(audio.tobytes()).digest()
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        self.tell(found is not None)
        if found is not None:
            return found
        made = self._compute(audio)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)
