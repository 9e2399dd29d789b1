"""Keeps the heap of a process small where every request allocates other sizes.

onnxruntime's own arena keeps the memory of every shape it has seen, so networks whose shapes vary
run without it, on the allocator of the C library. That one, glibc's, raises the size from which on
it asks the system for a block of its own with every such block that is freed, up to 32 MB, and then
keeps what lies between smaller ones; setting the size ends that. See mallopt(3).
"""

import ctypes

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
