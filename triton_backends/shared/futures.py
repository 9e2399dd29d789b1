"""Futures that wait for others.

Own code: concurrent.futures has nothing that continues without a thread that waits, and asyncio's
futures belong to an event loop, of which a model process has none.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

R = TypeVar("R")


def combine(waited: Sequence[Future[Any]], build: Callable[[], R]) -> Future[R]:
    """A future of what `build` returns, called once all of `waited` have succeeded.

    It runs in the thread that ended the last of them. The first that fails or is cancelled ends the
    future with its exception (CancelledError), without waiting for the others.
    """
    combined: Future[R] = Future()
    lock = threading.Lock()
    left = len(waited)

    def ended(future: Future[Any]) -> None:
        nonlocal left
        error = CancelledError() if future.cancelled() else future.exception()
        with lock:
            if left <= 0:
                return  # another one has failed
            left = 0 if error is not None else left - 1
            last = left == 0
        if error is not None:
            combined.set_exception(error)
        elif last:
            _complete(combined, build)

    if not waited:
        _complete(combined, build)
    for future in waited:
        future.add_done_callback(ended)
    return combined


def _complete(future: Future[R], build: Callable[[], R]) -> None:
    try:
        result = build()
    except Exception as error:  # noqa: BLE001  (who waits for the future must hear of it)
        future.set_exception(error)
    else:
        future.set_result(result)
