"""What holds for every test."""

import gc
import importlib.util
import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.repetitions import summary_lines

# The engines are tested in .venv-triton, where their libraries are; see `make test`.
collect_ignore = [] if importlib.util.find_spec("espeakng_loader") else ["unit/backends"]


REAL_TIME = {
    "browsers": ("tests/browser/", "tests/starters/", "tests/neural/test_browser.py"),
    "rooms and benches": ("tests/livekit/", "tests/bench/"),
}
"""People talk in them in real time: each of these takes most of a core, so that one worker runs all
browsers, and one all rooms and benches, one after the other."""
LONGEST_FIRST = (
    *itertools.chain(*REAL_TIME.values()),
    "tests/server/test_voices.py",
    "tests/unit/test_wheel.py",
    "tests/faults/",
    "tests/security/",
    "tests/server/",
    "tests/triton/",
)
"""Files and folders that take longest; all others, which take seconds each, fill the end. With
`--no-loadscope-reorder` a worker takes the next file in this order."""

# A shell starts what runs in its background deaf to Ctrl-C, and nohup to a closed terminal; so
# would be what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


LONG, NEURAL, BOTH = "long", "neural", "long neural"
LEFT_OUT = {
    LONG: "`make test-long` runs them",
    NEURAL: "`make test NEURAL=1` runs them",
    BOTH: "`make test-long NEURAL=1` runs them",
}
"""Markers of tests that `make test` leaves out, and what runs them."""
_LEFT_OUT = pytest.StashKey[dict[str, int]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long files first, each in one piece: one that is begun last is waited for alone."""

    def rank(item: pytest.Item) -> int:
        name = item.nodeid.partition("::")[0]
        return next((i for i, long in enumerate(LONGEST_FIRST) if name.startswith(long)), 99)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Without the garbage collector, which takes a sixth of the time that thousands of tests take.

    What was imported stays, so that it need not look through that during the tests either.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Counts by marker what `-m` left out; what needs an environment of its own is only that."""
    for item in items:
        counts = item.config.stash.setdefault(_LEFT_OUT, {})
        marker = " ".join(each for each in (LONG, NEURAL) if item.get_closest_marker(each))
        counts[marker] = counts.get(marker, 0) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects, and leaves out, the same."""
    node.config.stash[_LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", {})


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """The last lines say how many tests were left out, and how to run them."""
    left_out = session.config.stash.get(_LEFT_OUT, {})
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = left_out
    yield
    left_out = session.config.stash.get(_LEFT_OUT, {})
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(session.config, "workeroutput"):
        for marker, how in LEFT_OUT.items():
            if count := left_out.get(marker):
                reporter.write_line(f"{marker} tests left out: {count}; {how}")


@pytest.hookimpl(optionalhook=True)  # with `-p no:xdist` nobody calls it
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A worker runs whole files, and one worker all of a kind that talks in real time."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):  # type: ignore[misc,unused-ignore]
        def _split_scope(self, nodeid: str) -> str:
            kinds = (kind for kind, folders in REAL_TIME.items() if nodeid.startswith(folders))
            return next(kinds, nodeid.partition("::")[0])

    return Scheduler(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """A command under test sends the log to that test's standard error, which closes with it."""
    yield
    if (structlog := sys.modules.get("structlog")) is not None:
        structlog.reset_defaults()


def pytest_configure() -> None:
    """Settings and models of a developer change the defaults: tests have a home of their own."""
    for name in [name for name in os.environ if name.startswith("VDX_") and name != "VDX_FAULTS"]:
        del os.environ[name]
    os.environ["VDX_HOME"] = tempfile.mkdtemp(prefix="vdx-")


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ.pop("VDX_HOME"), ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how often the fault tests repeated what they do."""
    if lines := list(summary_lines(terminalreporter)):
        terminalreporter.section("repeated faults")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
