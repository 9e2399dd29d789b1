"""What an event loop needs to look after a child process without a thread."""

import asyncio
import contextlib
import os
import signal
import subprocess

# Asks the kernel to end a server when its parent (whose pid it is given) dies, then becomes the
# server. Python's own preexec_fn would fork a process full of threads. A guardian stays behind and
# ends the server's group once the server is gone: a process of it that waits for an answer of the
# server, with the interpreter's lock in its hands, cannot end itself.
TETHER = """
import ctypes, os, select, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
server = os.getpid()
if os.fork() == 0:
    os.setpgid(0, 0)
    select.select([os.pidfd_open(server)], [], [])
    try:
        os.killpg(server, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os._exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal a process group; one that is gone is as good as signalled."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the process without a thread and without a child watcher."""
    if process.poll() is None:
        loop = asyncio.get_running_loop()
        descriptor = os.pidfd_open(process.pid)
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
    return process.wait()


async def answers_http(port: int) -> bool:
    """One request over HTTP to loopback; False while nothing listens or it answers otherwise."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: vdx\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
