"""A bench that is told to end ends its servers first."""

import asyncio
import os
import signal

import pytest
import typer

from vdx.bench.figures import Report
from vdx.cli.bench.running import TERMINATED, Step, _show


def test_sigterm_ends_what_the_bench_started() -> None:
    ended = []

    async def work(_step: Step) -> Report:
        try:
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            ended.append(True)
        raise AssertionError("it went on")

    with pytest.raises(typer.Exit) as found:
        _show(work, 1, as_json=False)
    assert found.value.exit_code == TERMINATED
    assert ended == [True]
