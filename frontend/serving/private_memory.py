"""Keeps other users out of the shared memory of a server.

tritonserver's Python backend creates its regions with mode 0600 under umask 077 and then opens
them to everybody with `fchmod(region, 0644)`, which has no option. PRIVATE_MEMORY, run in the
process that becomes the server, makes that one call do nothing, there and in all it starts. It is
a seccomp filter of x86_64, the only machine the embedded server runs on.
"""

UMASK = 0o077

PRIVATE_MEMORY = """
import ctypes, os, struct
if os.path.exists("/proc/driver/nvidia") and not os.path.exists("/dev/nvidia-uvm"):
    # The setuid program that CUDA makes its devices with cannot be run under a filter.
    import shutil, subprocess
    program = shutil.which("nvidia-modprobe")
    if program:
        subprocess.run([program, "-u", "-c=0"], check=False)
libc = ctypes.CDLL(None, use_errno=True)
SYSCALL, ARCHITECTURE, MODE = 0, 4, 24  # offsets in struct seccomp_data; MODE is the 2nd argument
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, SUCCEED = 0x7FFF0000, 0x00050000
filter = (
    (LOAD, 0, 0, ARCHITECTURE),
    (EQUAL, 0, 5, 0xC000003E),  # x86_64
    (LOAD, 0, 0, SYSCALL),
    (EQUAL, 0, 3, 91),  # fchmod
    (LOAD, 0, 0, MODE),
    (EQUAL, 0, 1, 0o644),
    (RETURN, 0, 0, SUCCEED),
    (RETURN, 0, 0, ALLOW),
)
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in filter))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(filter), ctypes.addressof(code)))
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(SECCOMP, FILTER, program, 0, 0) != 0:
    reason = os.strerror(ctypes.get_errno())
    print(f"other users can read the memory of models: no seccomp filter: {reason}", flush=True)
"""
"""Source of Python without a package of its own; says so in the log where the kernel refuses."""
