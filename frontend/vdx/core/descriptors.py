"""The limit of open files and connections of this process."""

import resource

MOST = 65_536
"""Enough for thousands of sessions; with a limit of millions, programs that close every
possible descriptor before `exec` take minutes."""


def descriptor_limit() -> int:
    """How many descriptors the process may hold open now."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> int:
    """Raises the soft limit of descriptors to the hard one, at most to 65,536; returns the limit.

    Never lowers it, and leaves it as it is where the system refuses. Processes started later
    inherit the new limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    wanted = MOST if hard == resource.RLIM_INFINITY else min(hard, MOST)
    if wanted <= soft:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # a container may forbid it; the server lives with what it has
        return soft
    return wanted
