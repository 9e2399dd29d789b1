"""A number for each process of a model, unique among those that run: the metrics' label.

A socket bound to a name in Linux' abstract namespace is the lock: it leaves no file, and the kernel
frees it when the process ends, also when it is killed.
"""

import hashlib
import os
import socket

POOL = 32
"""Numbers of a model, so that its series at the metrics endpoint stay few."""


class Instance:
    """The smallest number that is free, kept while this object lives; POOL where all are taken."""

    def __init__(self, model: str) -> None:
        self._lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        digest = hashlib.blake2b(model.encode(), digest_size=16).hexdigest()
        names = (f"\0vdx-instance-{os.getppid()}-{digest}-{number}" for number in range(POOL))
        self.number = next((at for at, name in enumerate(names) if self._bind(name)), POOL)

    def close(self) -> None:
        """Release the number; the end of the process does so too."""
        self._lock.close()

    def _bind(self, name: str) -> bool:
        try:
            self._lock.bind(name)
        except OSError:  # another process of this model has it
            return False
        return True
