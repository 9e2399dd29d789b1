"""Blocking work in a thread, for which a cancelled caller waits.

A thread cannot be cancelled. `asyncio.to_thread` returns at once when its caller is cancelled, and
the caller then closes what the thread still works with: a recording closed while FFmpeg reads
it ends the whole process. Where the caller closes, removes or changes afterwards what the thread
uses, `in_thread` is used. The work must be short, because a cancellation waits for it.
"""

import asyncio
import contextvars
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, TypeVarTuple

from vdx.core.logs import logger

log = logger(__name__)

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")


async def in_thread(
    function: Callable[[*Arguments], T],
    *arguments: *Arguments,
    discard: Callable[[T], object] | None = None,
) -> T:
    """What `function` returns or raises; when cancelled, it returns only after the function has.

    `discard` is then given the result, to close it.
    """
    loop = asyncio.get_running_loop()
    call = partial(contextvars.copy_context().run, function, *arguments)
    # No task: those are all cancelled when the event loop ends, and would count as done by then.
    work = loop.run_in_executor(None, call)
    try:
        await _all_done(work)
    except asyncio.CancelledError as cancelled:
        if (error := work.exception()) is not None:
            raise cancelled from error
        if discard is not None:
            discard(work.result())
        raise
    return work.result()


async def cancel_all(*tasks: asyncio.Future[Any]) -> None:
    """Cancels tasks and waits until all have ended, also when it is cancelled itself meanwhile.

    What a task raised stays in it; it is logged at debug level.
    """
    for task in tasks:
        task.cancel()
    try:
        await _all_done(*tasks)
    finally:
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                log.debug("a task that was cancelled had failed", error=repr(error))


async def _all_done(*futures: asyncio.Future[Any]) -> None:
    """Waits for all; a cancellation meanwhile is raised after that."""
    cancelled: asyncio.CancelledError | None = None
    while waiting := [future for future in futures if not future.done()]:
        try:
            await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
