"""What one utterance of a session leaves to the next: a commit cuts the report, not the state.

A client may commit in the middle of a sentence, and a turn may end in a pause to think: a state
that began anew would lose the word that was cut and begin a sentence where none begins. So the next
utterance goes on with the stream of the last one where it begins soon after. After a longer silence
it begins anew, with the 0.3 s before the onset that the frontend sends first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from triton_backends.transducer.search import Emission
from triton_backends.transducer.stream import Stream

if TYPE_CHECKING:
    from triton_backends.transducer.utterance import Run

GOES_ON_S = 1.0
"""From the end of an utterance to the begin of the next, which goes on with its state."""
MOST = 16
"""States that wait for a next utterance; the oldest goes first."""


@dataclass(slots=True)
class CachedStream:
    """The stream as it was at the end, without padding; None while `run` has not come to it.

    `reported` are tokens that were reported from the padding and that the stream may come to again.
    """

    run: "Run | None" = None
    stream: Stream | None = None
    reported: list[int] = field(default_factory=list)


class StreamCache:
    """By who speaks, in which language, with which hot words; thread-safe. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._streams: OrderedDict[Hashable, tuple[float, CachedStream]] = OrderedDict()

    def put(self, key: Hashable, cached: CachedStream) -> None:
        with self._lock:
            self._forget_old()
            self._streams.pop(key, None)
            self._streams[key] = self._clock(), cached
            while len(self._streams) > MOST:
                self._streams.popitem(last=False)

    def take(self, key: Hashable) -> CachedStream | None:
        with self._lock:
            self._forget_old()
            _, cached = self._streams.pop(key, (0.0, None))
            return cached

    def _forget_old(self) -> None:
        begin = self._clock() - GOES_ON_S
        while self._streams:
            key, (at, _) = next(iter(self._streams.items()))
            if at >= begin:
                return
            del self._streams[key]


def unreported(emissions: Sequence[Emission], reported: list[int]) -> list[Emission]:
    """Without those that were reported before; `reported` loses what the stream has come to.

    Where it comes to something else than the padding had, nothing is left out any more.
    """
    count = 0
    while count < len(emissions) and reported and emissions[count].token == reported[0]:
        count += 1
        reported.pop(0)
    if count < len(emissions):
        reported.clear()
    return list(emissions[count:])
