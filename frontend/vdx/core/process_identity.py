"""Which process a number means: the same one may be another's, later or on another machine."""

import hashlib
import os
from pathlib import Path

PROC = Path("/proc")
START_FIELD = 19
"""Of /proc/PID/stat, counted from what follows the name: ticks from the boot to the start."""


def process_identity(pid: int | None = None) -> str:
    """A short text that only this process has, of this boot of this machine; empty: there is none.

    Without `pid` that of the calling process.
    """
    try:
        boot = (PROC / "sys" / "kernel" / "random" / "boot_id").read_text()
        stat = (PROC / str(pid or os.getpid()) / "stat").read_text()
    except OSError:
        return ""
    started = stat.rpartition(")")[2].split()[START_FIELD]
    return hashlib.sha256(f"{boot.strip()} {started}".encode()).hexdigest()[:16]
