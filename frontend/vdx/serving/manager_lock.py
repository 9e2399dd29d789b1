"""Keeps a second model manager of this machine away from a Triton that has one.

Two of them would each evict what the other's frontends lease. Managers on different machines do not
see each other.
"""

import errno
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from vdx.core.errors import SetupError
from vdx.core.masking import masked

LOOPBACK = ("localhost", "127.0.0.1", "[::1]", "ip6-localhost")


@contextmanager
def manager_lock(url: str) -> Iterator[None]:
    """Holds the lock of the Triton at a gRPC address.

    It is an abstract Unix socket, which leaves no file and is free when the process has ended.

    Raises:
        SetupError: another process of this user holds it.
    """
    digest = hashlib.sha256(_one_name(url).encode()).hexdigest()[:16]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(f"\0vdx-model-manager-{os.getuid()}-{digest}")
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise SetupError(
                f"another model manager has the Triton at {masked(url)}; frontends can share it: "
                "vdx frontend --manager URL"
            ) from None
        yield


def _one_name(url: str) -> str:
    """The same for every way to write the gRPC address of a Triton on this machine."""
    if url.startswith("unix:"):
        return "unix:" + os.path.realpath(url.removeprefix("unix:").removeprefix("//"))
    host, _, port = url.removeprefix("dns:").lstrip("/").rpartition(":")
    return f"{'localhost' if host.lower() in LOOPBACK else host.lower()}:{port}"
