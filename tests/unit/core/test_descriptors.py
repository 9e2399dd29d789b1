"""The limit of open descriptors: raised within reason, never lowered."""

import resource
import subprocess
import sys

import pytest

from vdx.core.descriptors import descriptor_limit, raise_descriptor_limit

PROGRAM = """
import resource
from vdx.core.descriptors import descriptor_limit, raise_descriptor_limit
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
print(raise_descriptor_limit(), descriptor_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard", "expected"), [(256, 1024, 1024), (256, 256, 256)])
def test_the_soft_limit_is_raised_to_the_hard_one_within_reason(
    soft: int, hard: int, expected: int
) -> None:
    # In a process of its own: a hard limit that was lowered cannot be raised again.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(soft=soft, hard=hard)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(expected)] * 3


@pytest.mark.parametrize("hard", [100_000, 1_000_000_000, resource.RLIM_INFINITY])
def test_a_huge_hard_limit_is_not_taken_whole(hard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, hard)]
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limit: limits.append(limit))
    assert raise_descriptor_limit() == descriptor_limit() == 65_536
    assert limits[-1] == (65_536, hard)
