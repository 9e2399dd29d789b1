"""The address of the embedded Triton: a Unix socket in a folder that only its user can enter.

The folder depends on VDX_HOME alone, so that every command finds the socket: `run` in VDX_HOME, or
a short path elsewhere where that is too long for the kernel or cannot be written.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from vdx.core.config import Config, TritonConfig
from vdx.core.errors import ConfigError, SetupError
from vdx.core.paths import locate

SOCKET, PORT = "t", 8001
"""Triton takes an address and a port; gRPC joins them to the socket's file name `t:8001`."""
LONGEST_PATH = 107
"""Bytes; the kernel's limit for the path of a socket."""
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nosec B104


def triton_at(config: Config) -> TritonConfig:
    """The section `triton` with an address in it: the one it names, else the embedded Triton's.

    Raises SetupError where the folder of the embedded Triton belongs to somebody else.
    """
    if config.triton.url:
        return config.triton
    named = config.embedded.grpc_address
    url = network_url(named) if named else socket_url(shared_folder(locate().home))
    return config.triton.model_copy(update={"url": url})


def socket_url(folder: Path) -> str:
    """The gRPC address of the socket in `folder`."""
    return f"unix:{_quoted(folder / SOCKET)}:{PORT}"


def socket_argument(folder: Path) -> str:
    """What `--grpc-address` is told for the socket in `folder`."""
    return f"unix:{_quoted(folder / SOCKET)}"


def _quoted(path: Path) -> str:
    # gRPC reads the address as a URI.
    return quote(os.fsencode(path), safe="/")


def split_address(address: str) -> tuple[str, int]:
    """HOST:PORT as host (IPv6 in brackets) and port; raises ConfigError."""
    host, colon, port = address.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bracketed = bare != host
    valid = bool(colon and bare) and bracketed == (":" in bare)
    if not valid or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(
            f"configuration key embedded.grpc_address: not HOST:PORT, got {address!r}"
        )
    return host, int(port)


def network_url(address: str) -> str:
    """Where a client on this machine finds a server that listens on `address`."""
    host, port = split_address(address)
    bare = host.strip("[]")
    here = WILDCARDS.get(bare, bare)
    return f"[{here}]:{port}" if ":" in here else f"{here}:{port}"


def shared_folder(home: Path) -> Path:
    """The folder of the socket that belongs to VDX_HOME `home`; nothing is created.

    Raises SetupError where there is none, or it belongs to another user.
    """
    for folder in _candidates(home):
        if fits(folder) and _can_be_made(folder):
            if folder.exists() and folder.stat().st_uid not in _owners(home):
                raise SetupError(
                    f"{folder} belongs to another user: remove it, or shorten VDX_HOME"
                )
            return folder
    raise SetupError(f"no folder can be made for the socket of Triton: {home} cannot be written")


def fits(folder: Path) -> bool:
    """Whether the path of the socket in `folder` is short enough for the kernel.

    The limit applies to the quoted path, as in gRPC.
    """
    return len(f"{_quoted(folder / SOCKET)}:{PORT}") <= LONGEST_PATH


def make_private(folder: Path) -> None:
    """Makes `folder` a folder that this user alone can enter.

    Raises SetupError where it is a link, no folder, another user's, or cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SetupError(f"{folder} is not a folder of this user; remove it")
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise SetupError(f"the folder of Triton's socket, {folder}: {error.strerror}") from error


def _candidates(home: Path) -> Iterator[Path]:
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:12]
    user = os.geteuid()
    yield home / "run"
    runtime = Path("/run/user") / str(user)
    if runtime.is_dir():
        yield runtime / f"vdx-{name}"
    yield Path("/tmp") / f"vdx-{user}-{name}"  # noqa: S108  # nosec B108


def _can_be_made(folder: Path) -> bool:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _owners(home: Path) -> set[int]:
    return {os.geteuid()} | ({home.stat().st_uid} if home.exists() else set())
