"""A bounded pool of pocketsphinx decoders, because building one takes a third of a second."""

import threading
from collections.abc import Callable
from typing import Any

from triton_backends.shared.errors import Busy


class DecoderPool:
    """Keeps `ready` decoders more than were ever in use at once, up to `size`.

    They are built while no decoder is in use, because building holds the interpreter's lock.
    """

    def __init__(self, build: Callable[[], Any], size: int, ready: int) -> None:
        self.size = size
        self._build = build
        self._ready = ready
        self._free = [build() for _ in range(min(ready, size))]
        self._built = len(self._free)
        self._taken = 0
        self._most_taken = 0
        self._changed = threading.Condition()
        self._closed = False
        self._grower = threading.Thread(target=self._grow, name="decoder-pool", daemon=True)
        self._grower.start()

    def __len__(self) -> int:
        """Decoders that exist."""
        return self._built

    def take(self) -> Any:
        """A decoder for one utterance; built here and now only if none is free.

        Raises Busy when `size` are in use.
        """
        with self._changed:
            if not self._free:
                if self._built >= self.size:
                    raise Busy(f"all {self.size} decoders are in use")
                self._add()
            self._taken += 1
            self._most_taken = max(self._most_taken, self._taken)
            return self._free.pop()

    def give_back(self, decoder: Any) -> None:
        with self._changed:
            self._taken -= 1
            self._free.append(decoder)
            self._changed.notify()

    def drop(self) -> None:
        """A decoder that was taken failed: it is not used again, and another may be built."""
        with self._changed:
            self._taken -= 1
            self._built -= 1
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._grower.join()
        self._free.clear()

    def _add(self) -> None:
        self._free.append(self._build())
        self._built += 1

    def _grow(self) -> None:
        with self._changed:
            while not self._closed:
                wanted = min(self._most_taken + self._ready, self.size)
                if self._taken or self._built >= wanted:
                    self._changed.wait()
                else:
                    self._add()
