"""Keeps the shared memory of a server unreadable for other users.

tritonserver's Python backend creates its regions with mode 0600 under umask 077 and then opens them
to everybody with `fchmod(region, 0644)`, which has no option. `refuse_to_share`, called in the
process that becomes the server, makes that call do nothing, in that process and in all it starts.
It is a seccomp filter of x86_64, the only machine the embedded server runs on. Only the standard
library is imported: it runs before the server does, in `child_guard.py`.
"""

import ctypes
import os
import shutil
import struct
import subprocess
from pathlib import Path

UMASK = 0o077

SYSCALL, ARCHITECTURE, MODE = 0, 4, 24
"""Offsets in struct seccomp_data; MODE is the second argument."""
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, SUCCEED = 0x7FFF0000, 0x00050000
X86_64, FCHMOD = 0xC000003E, 91
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
INSTRUCTIONS = (
    (LOAD, 0, 0, ARCHITECTURE),
    (EQUAL, 0, 5, X86_64),
    (LOAD, 0, 0, SYSCALL),
    (EQUAL, 0, 3, FCHMOD),
    (LOAD, 0, 0, MODE),
    (EQUAL, 0, 1, 0o644),
    (RETURN, 0, 0, SUCCEED),
    (RETURN, 0, 0, ALLOW),
)


def refuse_to_share() -> None:
    """Installs the filter; prints a failure on standard output, which is the server's log."""
    _make_cuda_devices()
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in INSTRUCTIONS))
    program = struct.pack("HxxxxxxQ", len(INSTRUCTIONS), ctypes.addressof(code))
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(SECCOMP, FILTER, ctypes.create_string_buffer(program), 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno())
        print(f"other users can read the memory of models: no seccomp filter: {reason}", flush=True)


def _make_cuda_devices() -> None:
    """The setuid program that CUDA makes its devices with cannot be run under a filter."""
    if Path("/proc/driver/nvidia").exists() and not Path("/dev/nvidia-uvm").exists():
        program = shutil.which("nvidia-modprobe")
        if program:
            subprocess.run([program, "-u", "-c=0"], check=False)
