"""Ends streams by asking the model, because cancelling the call can crash the server.

tritonserver 2.51 sometimes frees a cancelled stream twice while others are busy, and dies of it
(signal 11; mended upstream in 24.12). So a stream that is not wanted any more is told so by a
last request, read to its end beside everything else, and cancelled only if that end does not come.
A model that is merely busy may take seconds to get there, and one that was unloaded meanwhile
takes no request any more: its streams go on to their own end.
"""

import asyncio
from typing import Any

import grpc

LEAVE_S = 60.0
"""A model that does not end a stream in this time is stuck, and its call is cancelled after all."""
CLOSE_S = 2.0
"""How long the end of the client itself waits for them."""


class Leaving:
    """The streams of one client that are on their way out; each is waited for only so long."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def let_go(self, call: Any, last_request: Any = None) -> None:
        """Sends `last_request`, if any, and reads the stream to its end in the background."""
        if call.done():
            return
        task = asyncio.get_running_loop().create_task(_leave(call, last_request), name="leave")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Gives up the streams that do not end soon; the channel is closed next."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _leave(call: Any, last_request: Any) -> None:
    try:
        async with asyncio.timeout(LEAVE_S):
            if last_request is not None:
                await call.write(last_request)
            await call.done_writing()
            while await call.read() is not grpc.aio.EOF:
                pass
    except (TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # it broke by itself, or is cancelled below
    finally:
        call.cancel()
