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
class Carried:
    """The stream as it was at the end, without padding; None while `run` has not come to it.

    `told` are tokens that were reported from the padding and that the stream may come to again.
    """

    run: "Run | None" = None
    stream: Stream | None = None
    told: list[int] = field(default_factory=list)


class Carrier:
    """By who speaks, in which language, with which hot words; thread-safe. `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[Hashable, tuple[float, Carried]] = OrderedDict()

    def leave(self, key: Hashable, carried: Carried) -> None:
        with self._lock:
            self._forget_old()
            self._left.pop(key, None)
            self._left[key] = self._clock(), carried
            while len(self._left) > MOST:
                self._left.popitem(last=False)

    def take(self, key: Hashable) -> Carried | None:
        with self._lock:
            self._forget_old()
            _, carried = self._left.pop(key, (0.0, None))
            return carried

    def _forget_old(self) -> None:
        begin = self._clock() - GOES_ON_S
        while self._left:
            key, (at, _) = next(iter(self._left.items()))
            if at >= begin:
                return
            del self._left[key]


def untold(emissions: Sequence[Emission], told: list[int]) -> list[Emission]:
    """Without those that were told before; `told` loses what the stream has come to.

    Where it comes to something else than the padding had, nothing is left out any more.
    """
    count = 0
    while count < len(emissions) and told and emissions[count].token == told[0]:
        count += 1
        told.pop(0)
    if count < len(emissions):
        told.clear()
    return list(emissions[count:])
