"""What holds for every test."""

import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

from tests.repetitions import summary_lines

# The engines are tested in .venv-triton, where their libraries are; see `make test`.
collect_ignore = [] if importlib.util.find_spec("espeakng_loader") else ["unit/backends"]


# With `--dist loadfile --no-loadscope-reorder` a worker takes the next file in this order.
LONGEST_FIRST = (
    "tests/server/test_voices.py",
    "tests/unit/test_wheel.py",
    "tests/browser/",
    "tests/livekit/",
    "tests/bench/",
    "tests/faults/",
    "tests/security/",
    "tests/server/",
    "tests/triton/",
)
"""Files and folders that take longest; all others, which take seconds each, fill the end."""

# A shell starts what runs in its background deaf to Ctrl-C, and so would be what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long files first, each in one piece: one that is begun last is waited for alone."""

    def rank(item: pytest.Item) -> int:
        name = item.nodeid.partition("::")[0]
        return next((i for i, long in enumerate(LONGEST_FIRST) if name.startswith(long)), 99)

    items.sort(key=rank)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command under test sends the log to that test's standard error, which closes with it."""
    yield
    if (structlog := sys.modules.get("structlog")) is not None:
        structlog.reset_defaults()


def pytest_configure() -> None:
    """Models that a developer fetched change the defaults, so tests have a home of their own."""
    os.environ["VDX_HOME"] = tempfile.mkdtemp(prefix="vdx-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ.pop("VDX_HOME"), ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how often the fault tests repeated what they do."""
    if lines := list(summary_lines(terminalreporter)):
        terminalreporter.section("repeated faults")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
