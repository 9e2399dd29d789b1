"""Asks a model again that had no place free for a request."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from itertools import chain
from typing import Final, TypeVar

from vdx.core.errors import ModelBusy

BUSY_DELAYS_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each further attempt of a request that somebody waits for."""

T = TypeVar("T")


async def when_free(
    ask: Callable[[], AsyncGenerator[T, None]], delays: Iterable[float] = BUSY_DELAYS_S
) -> AsyncGenerator[T, None]:
    """Yields what `ask()` yields; a busy model is asked again, as long as nothing has come.

    Raises:
        ModelBusy: it is busy after all `delays`, or after it has begun to answer.
    """
    for delay in chain(delays, (None,)):
        begun = False
        try:
            async with aclosing(ask()) as answer:
                async for each in answer:
                    begun = True
                    yield each
            return
        except ModelBusy:
            if begun or delay is None:
                raise
        await asyncio.sleep(delay)
