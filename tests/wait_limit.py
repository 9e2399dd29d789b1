"""How long a test waits for what has to happen."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Any

WAIT_LIMIT_S = 60.0
"""How long anything may take before a test gives up; far beyond what it does take."""
SLICE_S = 5.0
"""The limit is counted in these: of a machine that was stopped meanwhile only one is used up."""


async def until_true(
    happened: Callable[[], Any], changed: asyncio.Event, seconds: float = WAIT_LIMIT_S
) -> Any:
    """The first truthy result of `happened`, looked for whenever `changed` was set.

    Raises:
        TimeoutError: there was none within `seconds` in which this process ran.
    """
    for _ in range(math.ceil(seconds / SLICE_S)):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SLICE_S):
                while not (result := happened()):
                    changed.clear()
                    await changed.wait()
                return result
    raise TimeoutError
