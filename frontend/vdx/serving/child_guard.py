"""Ties a server to the process that starts it: this process becomes the server.

    PARENT-PID LOCK-DESCRIPTOR private|- PROGRAM ARGUMENTS...

The kernel asks the server to end (SIGTERM) when its parent dies. A watchdog process stays, which
kills the server's process group: at once when the server is gone, because a model process that
waits for an answer of the server with the interpreter's lock held cannot end itself; after
`GRACE_S` when the parent is gone, because a server that is stopped or hangs does not react. It then
removes the temporary files and shared memory that the parent would have removed. Only the standard
library is imported, and Python's own preexec_fn is not used because it would fork a process full of
threads.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys

GRACE_S = 3.0
"""A Triton that ends in good order takes about one second."""
PR_SET_PDEATHSIG = 1


def main() -> None:
    """Reads the command line described above and does not return."""
    parent, lock, memory, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    try:
        owner = os.pidfd_open(parent)
    except ProcessLookupError:
        sys.exit(1)
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(1)
    group = os.getpid()
    server = os.pidfd_open(group)
    if os.fork() == 0:
        try:
            guard(group, server, owner, lock)
        finally:
            os._exit(0)
    if memory == "private":
        from vdx.serving.private_memory import refuse_to_share

        refuse_to_share()
    os.set_inheritable(lock, False)  # noqa: FBT003  (the standard library's signature)
    os.execv(command[0], command)  # noqa: S606  # nosec B606  (the caller's own program)


def guard(group: int, server: int, owner: int, lock: int) -> None:
    """Returns once no process of `group` is left; `server` and `owner` are process descriptors."""
    os.setpgid(0, 0)
    # It ends with the server, not when somebody asks all processes of a service to end.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if server not in _ended(server, owner):
        _ended(server, timeout_s=GRACE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    if _ended(owner, timeout_s=0):
        from vdx.serving.scratch import clear_dead

        _ended(server)
        os.close(lock)
        clear_dead()


def _ended(*processes: int, timeout_s: float | None = None) -> list[int]:
    """Those that have ended, once one has or the time is over."""
    return select.select(processes, [], [], timeout_s)[0]
