"""Retries a port that an earlier vdx, or a server it started, holds until it has ended."""

import time
from collections.abc import Callable

from vdx.core.errors import PortTaken

WAIT_S = 10.0
"""Longer than the 3 s after which a server whose vdx has ended is killed; see `child_guard.py`."""
PAUSE_S = 0.2
SERVERS = ("tritonserver", "livekit-server", "vdx")


class HeldPortRetry:
    """Decides after each PortTaken whether to try again in PAUSE_S; calls `tell` once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._until = 0.0
        self._without_holder = 0

    def allows(self, taken: PortTaken) -> bool:
        """Whether a process of vdx holds the port, and has for no longer than WAIT_S.

        Blocks while it reads what every process of this user has open.
        """
        holder = holder_of(taken.port) if taken.port else ""
        if not holder:
            # Who held it may have ended between the two looks: then the next try succeeds.
            self._without_holder += 1
            return bool(taken.port) and self._without_holder == 1
        now = time.monotonic()
        if not self._until:
            self._until = now + WAIT_S
            self._tell(f"port {taken.port} is held by {holder}; waiting up to {WAIT_S:g} s for it")
        return now < self._until


def holder_of(port: int) -> str:
    """The process of vdx that has this port open; empty where there is none of this user."""
    import psutil

    try:
        open_now = psutil.net_connections("inet")
    except (psutil.Error, OSError):
        return ""
    holders = {each.pid for each in open_now if each.laddr and each.laddr.port == port and each.pid}
    for pid in holders:
        try:
            process = psutil.Process(pid)
            name, command = process.name(), " ".join(process.cmdline())
        except psutil.Error:  # it has ended
            continue
        if name.startswith(SERVERS) or "vdx.cli" in command:
            return f"process {pid} ({name})"
    return ""
