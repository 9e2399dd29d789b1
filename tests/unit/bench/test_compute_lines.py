"""The programs that a study runs in the environment of the models."""

import contextlib
import sys

import pytest

from benchmarks.compute_lines import json_lines
from vdx.core.errors import SetupError
from vdx.serving.environment import ONE_THREAD

TELLS = "import json, os; print(json.dumps({name: int(os.environ.get(name, 0)) for name in %r}))"


async def test_matrices_are_computed_by_one_thread_as_in_a_server() -> None:
    """Threads of the library that spin after each product would count as processor time."""
    command = [sys.executable, "-c", TELLS % list(ONE_THREAD)]
    async with contextlib.aclosing(json_lines(command, 1)) as lines:
        assert [line async for line in lines] == [dict.fromkeys(ONE_THREAD, 1)]


async def test_a_program_that_ends_before_is_told() -> None:
    command = [sys.executable, "-c", "print({})"]
    async with contextlib.aclosing(json_lines(command, 2)) as lines:
        assert await anext(lines) == {}
        with pytest.raises(SetupError, match="could not be measured"):
            await anext(lines)
