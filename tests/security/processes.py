"""What a process and its descendants show to others: sockets, environment, command line, memory."""

import contextlib
from pathlib import Path

import psutil

from vdx.serving.scratch import SHARED_MEMORY

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def named(pid: int, name: str) -> psutil.Process:
    """The descendant of `pid` that runs the program `name`."""
    return next(one for one in family(pid) if one.name() == name)


def listening(pid: int) -> set[tuple[str, str, int]]:
    """(program, address, port) of each TCP socket that the family listens on."""
    found = set()
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    address = connection.laddr
                    found.add((process.name(), address.ip, address.port))
    return found


def udp(pid: int) -> set[tuple[str, str]]:
    """(program, address) of each UDP socket of the family that is not connected."""
    return {
        (process.name(), connection.laddr.ip)
        for process in family(pid)
        for connection in process.net_connections("udp")
        if not connection.raddr
    }


def shown(pid: int, what: str) -> str:
    """`environ` or `cmdline` of a process; empty when it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")
    return ""


def regions(pid: int) -> set[Path]:
    """Shared memory files that the family has mapped."""
    found = set()
    for process in family(pid):
        for line in shown(process.pid, "maps").splitlines():
            file = Path(line.split()[-1])
            if file.parent == SHARED_MEMORY and file.exists():
                found.add(file)
    return found
