"""Two hosts in network namespaces of this machine, on one network with this one's Redis.

Each has two links here: one for people, and one to the other host and to Redis, which can be cut.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

NAMES = ("a", "b")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Host:
    """`address` is for the other host and Redis, `for_people` for who talks from here."""

    name: str
    namespace: str
    address: str
    for_people: str
    cable: str
    """The end of its link to the others that is here."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """Runs a command there."""
        return ("ip", "netns", "exec", self.namespace)

    def cut(self) -> None:
        """Nothing reaches the other host and Redis any more, and nothing tells of it."""
        _ip("link", "set", self.cable, "down")

    def heal(self) -> None:
        _ip("link", "set", self.cable, "up")


@dataclass(frozen=True, slots=True)
class Network:
    """`here` is this machine's address among the hosts."""

    here: str
    hosts: tuple[Host, ...]


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Skips the test where namespaces cannot be made: that needs to be root."""
    tag, block = f"v{os.getpid() % 100_000}", f"10.{20 + os.getpid() % 200}"
    with contextlib.ExitStack() as made:
        bridge = f"{tag}br"
        try:
            _ip("link", "add", bridge, "type", "bridge")
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        made.callback(_ip, "link", "del", bridge)
        _ip("addr", "add", f"{block}.0.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        hosts = [_host(made, tag, block, bridge, number) for number in range(len(NAMES))]
        yield Network(f"{block}.0.1", tuple(hosts))


def _host(made: contextlib.ExitStack, tag: str, block: str, bridge: str, number: int) -> Host:
    name, last = NAMES[number], number + 2
    space, cable, people = f"{tag}{name}", f"{tag}{name}c", f"{tag}{name}p"
    _ip("netns", "add", space)
    made.callback(_ip, "netns", "del", space)  # and with it its ends of the links
    _ip("-n", space, "link", "set", "lo", "up")
    _link(space, cable, "cable", f"{block}.0.{last}/24")
    _ip("link", "set", cable, "master", bridge)
    _link(space, people, "people", f"{block}.{last}.2/24")
    _ip("addr", "add", f"{block}.{last}.1/24", "dev", people)
    return Host(name, space, f"{block}.0.{last}", f"{block}.{last}.2", cable)


def _link(space: str, here: str, there: str, address: str) -> None:
    """A link whose one end is here and whose other one, with an address, is in a namespace."""
    _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
    _ip("-n", space, "addr", "add", address, "dev", there)
    _ip("-n", space, "link", "set", there, "up")
    _ip("link", "set", here, "up")
