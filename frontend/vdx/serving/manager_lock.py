"""Keeps a second model manager of this machine away from a Triton that has one.

Two of them would each evict what the other's frontends lease. Managers on different machines do not
see each other.
"""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from vdx.core.errors import SetupError
from vdx.core.masking import masked


@contextmanager
def manager_lock(url: str) -> Iterator[None]:
    """Holds the lock of the Triton at a gRPC address.

    It is an abstract Unix socket, which leaves no file and is free when the process has ended.

    Raises:
        SetupError: another process of this user holds it.
    """
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as holder:
        try:
            holder.bind(f"\0vdx-model-manager-{os.getuid()}-{digest}")
        except OSError:
            raise SetupError(
                f"another model manager has the Triton at {masked(url)}; frontends can share it: "
                "vdx frontend --manager URL"
            ) from None
        yield
