"""Chooses free loopback ports for servers that cannot choose one themselves."""

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from typing import TypeVar

from vdx.core.errors import PortTaken
from vdx.core.logs import logger
from vdx.serving.held_ports import PAUSE_S, HeldPortRetry

log = logger(__name__)
T = TypeVar("T")

CANDIDATES = range(10_000, 32_768)
"""Below the ports the kernel gives to outgoing connections: one chosen here is still free when a
server comes back to it after a restart."""
TRIES = 100


def choose_port(what: str, preferred: int) -> int:
    """A TCP port of Triton on loopback: the preferred one, or a free one for 0.

    Raises PortTaken when it is in use, or none is free.
    """
    with contextlib.ExitStack() as held:
        return _choose(held, what, preferred, 0)


def choose_ports(what: str, count: int) -> list[int]:
    """Different free ports on loopback; raises PortTaken when none is free."""
    with contextlib.ExitStack() as held:
        return [_choose(held, what, 0, 0) for _ in range(count)]


def check_free(host: str, port: int) -> None:
    """Raises PortTaken when `port` cannot be bound on `host` (IPv6 in brackets)."""
    bare = host.strip("[]")
    try:
        with socket.socket(socket.AF_INET6 if ":" in bare else socket.AF_INET) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((bare, port))
    except OSError as error:
        message = f"Triton cannot listen on {host}:{port}: {error.strerror}"
        raise PortTaken(message, port=port) from None


async def when_free(choose: Callable[[], T]) -> T:
    """What `choose` returns, tried again while an earlier vdx still holds a port it names.

    Raises PortTaken as `choose` does.
    """
    retry = HeldPortRetry(log.warning)
    while True:
        try:
            return choose()
        except PortTaken as taken:
            if not await asyncio.to_thread(retry.allows, taken):
                raise
        await asyncio.sleep(PAUSE_S)


def choose_livekit_ports(port: int | None) -> tuple[int, int]:
    """Signalling (TCP) and media (UDP) of a LiveKit server.

    None = LiveKit's own or else free ones, 0 = free ones. Raises PortTaken as above.
    """
    others = None if port is None else 0
    with contextlib.ExitStack() as held:
        return (
            _choose(held, "signalling", port, 7880, of="LiveKit"),
            _choose(held, "UDP", others, 7882, of="LiveKit", kind=socket.SOCK_DGRAM),
        )


def _choose(
    held: contextlib.ExitStack,
    what: str,
    preferred: int | None,
    default: int,
    *,
    of: str = "Triton",
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> int:
    if preferred:
        try:
            return _hold(held, preferred, kind)
        except OSError as error:
            message = f"the {what} port {preferred} of {of} is taken: {error.strerror}"
            raise PortTaken(message, port=preferred) from None
    own = [default] if preferred is None and default else []
    for number in (*own, *secrets.SystemRandom().sample(CANDIDATES, TRIES)):
        with contextlib.suppress(OSError):
            return _hold(held, number, kind)
    raise PortTaken(f"no free port for {what} of {of} among {TRIES} tried")


def _hold(held: contextlib.ExitStack, number: int, kind: socket.SocketKind) -> int:
    listener = held.enter_context(socket.socket(type=kind))
    if kind == socket.SOCK_STREAM:
        # As Triton does: a port in TIME_WAIT is free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", number))
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return number
