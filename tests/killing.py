"""Ends a process of a model as a crash would, without taking tritonserver 2.51 along.

A process of a model that ends while it holds a lock on the memory it shares with tritonserver makes
that one abort too (`boost::interprocess::lock_exception`); it is then restarted, which
`tests/faults/test_triton_restart.py` tests. A test of what follows when only the model dies must
not hit that moment.
"""

import os
import signal
import time
from pathlib import Path

from tests.wait_limit import WAIT_LIMIT_S

PAUSE_S = 0.003
COMPUTING = ("onnxruntime", "libpython", "numpy")
"""Libraries that hold no such lock while they compute."""


def kill_model_process(pid: int) -> None:
    """SIGKILL at a moment when each thread of the process waits in the kernel or computes."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    while True:
        os.kill(pid, signal.SIGSTOP)
        if _holds_no_lock(pid):
            break
        os.kill(pid, signal.SIGCONT)
        assert time.monotonic() < deadline, f"process {pid} was always at its shared memory"
        time.sleep(PAUSE_S)
    os.kill(pid, signal.SIGKILL)


def _holds_no_lock(pid: int) -> bool:
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    while any(_state(thread) not in "Tt" for thread in threads):
        time.sleep(0)
    return all(_waits(thread) or _computes(pid, thread) for thread in threads)


def _state(thread: Path) -> str:
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]


def _waits(thread: Path) -> bool:
    """Whether it was stopped inside of a system call."""
    return not (thread / "syscall").read_text().startswith(("-1", "running"))


def _computes(pid: int, thread: Path) -> bool:
    """Whether the next instruction of a thread outside of system calls is in such a library."""
    instruction = int((thread / "syscall").read_text().split()[-1], 16)
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        first, last = (int(end, 16) for end in line.split(maxsplit=1)[0].split("-"))
        if first <= instruction < last:
            return any(library in line for library in COMPUTING)
    return False
