"""How often a fault test repeats its attack, and the summary that says what happened.

`make test` runs a tenth of each test's repetitions or less, `make test-faults` (VDX_FAULTS=full)
all; and it allows more time, because it shares the machine with other tests.
"""

import os
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import pytest

PROPERTY, MEASURED = "repetitions", "measured"


class Repetitions(Protocol):
    """How often this run repeats what the full run does `full` times: a `share`-th of it."""

    def __call__(self, full: int, share: int = 10) -> int: ...


Measured = Callable[[str, float, float], None]


T = TypeVar("T")


def bound(full: T, usual: T) -> T:
    """What the full run holds, and what any other does."""
    return full if os.environ.get("VDX_FAULTS") == "full" else usual


@pytest.fixture
def repetitions(record_property: Callable[[str, object], None]) -> Repetitions:
    """`repetitions(500)` is 50, in the full run 500."""

    def scaled(full: int, share: int = 10) -> int:
        count = bound(full, max(1, full // share))
        record_property(PROPERTY, f"{count} of {full}")
        return count

    return scaled


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Measured:
    """Reports seconds that depend on the machine beside their aim, and fails for no excess."""

    def report(what: str, seconds: float, aim_s: float) -> None:
        record_property(MEASURED, f"{what} {seconds:.2f} s, aim {aim_s:g} s")

    return report


def summary_lines(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    """One line for each repeated test, how often it ran and how it ended; and for each time."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == PROPERTY:
                    yield f"{outcome}  {value} repetitions  {report.nodeid}"
                elif name == MEASURED:
                    yield f"{outcome}  {value}  {report.nodeid}"
