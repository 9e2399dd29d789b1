"""CPU time, memory and open files of a process and all its descendants, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

from vdx.core.errors import UnknownName

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_seconds` user and system, those of children that ended included."""

    cpu_seconds: float
    processes: int


def tree(root: int) -> list[int]:
    """`root` and its descendants, `root` first.

    Raises:
        UnknownName: there is no such process.
    """
    parents: dict[int, int] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents[int(entry.name)] = int(fields[1])
    if root not in parents:
        raise UnknownName(f"there is no process {root}", param="server-pid")
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def usage(root: int) -> Usage:
    """CPU seconds spent so far by the whole tree below `root`."""
    pids = tree(root)
    return Usage(sum(map(cpu_seconds, pids)), len(pids))


def cpu_seconds(pid: int) -> float:
    """Of one process, with those children that ended and were waited for; 0 when it ended."""
    fields = _stat(pid)
    # utime, stime, and those of the children.
    return sum(int(fields[i]) for i in (11, 12, 13, 14)) / TICKS if fields else 0.0


def pss_kb(root: int) -> int:
    """Proportional memory (PSS) of the tree below `root` in kB."""
    return sum(_rollup(pid).get("Pss", 0) for pid in tree(root))


def own_kb(root: int) -> int:
    """The anonymous part of the PSS, in kB.

    The whole PSS changes when unrelated programs start or end, because they share libraries;
    this part does not, so it is used to find growth.
    """
    rollups = [_rollup(pid) for pid in tree(root)]
    return sum(each.get("Pss_Anon", 0) + each.get("Pss_Shmem", 0) for each in rollups)


def descriptors(root: int) -> int:
    """Open files, sockets and pipes of the tree below `root`."""
    return sum(_open_files(pid) for pid in tree(root))


def _open_files(pid: int) -> int:
    try:
        return sum(1 for _ in (PROC / str(pid) / "fd").iterdir())
    except OSError:
        return 0


def _rollup(pid: int) -> dict[str, int]:
    """/proc/PID/smaps_rollup in kB by name; empty when it ended."""
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return {}
    fields = (line.split() for line in text.splitlines()[1:])
    return {name.rstrip(":"): int(size) for name, size, *_ in fields}


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name: state, parent, …; empty when it ended."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
