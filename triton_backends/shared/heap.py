"""Keeps the heap of a process small where every request allocates other sizes.

onnxruntime's own arena keeps the memory of every shape it has seen, so networks whose shapes vary
run without it, on the allocator of the C library. That one, glibc's, raises the size from which on
it asks the system for a block of its own with every such block that is freed, up to 32 MB, and then
keeps what lies between smaller ones; setting the size ends that. See mallopt(3). What is free
between blocks that are still in use it keeps all the same, until it is asked for: malloc_trim(3).
"""

import ctypes
import os
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
MMAP_BYTES = 4 << 20
"""Blocks from this size on go back to the system as soon as they are free."""
TRIM_BYTES = 16 << 20
"""So much free memory at the end of the heap may stay for the next request."""
ARENAS = 2


def return_freed_memory() -> None:
    """Sets this for the whole process; does nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_MMAP_THRESHOLD, MMAP_BYTES)
    mallopt(_M_TRIM_THRESHOLD, TRIM_BYTES)
    mallopt(_M_ARENA_MAX, ARENAS)


GROWN_BYTES, GROWN_SHARE = 16 << 20, 5
"""By so much, or this share of its size if that is more, a process may grow before it is asked."""
_STATM = Path("/proc/self/statm")


class FreedMemory:
    """Gives back what is free between blocks in use; for one thread at a time.

    That takes some milliseconds, in which nobody can allocate, and reading the size 20 µs: it is
    meant for moments in which nothing is computed.
    """

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._size = 0

    def give_back(self) -> None:
        """Does so if the process has grown since; nothing where the C library is not glibc."""
        if self._trim is None:
            return
        size = resident_bytes()
        if self._size and size - self._size > max(GROWN_BYTES, self._size // GROWN_SHARE):
            self._trim(0)
            self._size = size = resident_bytes()
        self._size = min(self._size or size, size)


def resident_bytes() -> int:
    """The resident size of this process."""
    pages = int(_STATM.read_bytes().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
