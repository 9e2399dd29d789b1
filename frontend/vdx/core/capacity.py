"""The default of `server.max_sessions`, from the cores and file descriptors of this process."""

import os
from pathlib import Path

from vdx.core.descriptors import raise_descriptor_limit

SESSIONS_PER_CORE = 16
"""Per core. A session that talks all the time was measured at 0.05 core with the cheapest models,
Triton included, so 16 use four fifths of it. Set `server.max_sessions` for models that cost
more."""
DESCRIPTORS_PER_SESSION = 8
"""File descriptors per session: a WebSocket needs one, a room's connection several."""
OTHER_DESCRIPTORS = 256
"""File descriptors for Triton, HTTP requests and files."""
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def default_max_sessions() -> int:
    """Sessions that the cores and the descriptors of this process suffice for; at least 1."""
    by_cores = round(SESSIONS_PER_CORE * usable_cores())
    by_descriptors = (raise_descriptor_limit() - OTHER_DESCRIPTORS) // DESCRIPTORS_PER_SESSION
    return max(1, min(by_cores, by_descriptors))


def usable_cores() -> float:
    """Cores this process may run on, in a container not more than its quota."""
    cores = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = CPU_QUOTA.read_text().split()
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no cgroup of version 2, or "max": no quota
        return cores


def explained() -> str:
    """A text that says from what the default is computed."""
    return f"{SESSIONS_PER_CORE} for each of {usable_cores():g} cores, within the descriptors"
