"""The streams that one client has open to the models of Triton, and how each of them ends.

Cancelling a task that waits in grpc's `read` or `write` cancels the call, and cancelling a call can
crash tritonserver 2.51 (signal 11; fixed upstream in 24.12), above all when its model is unloaded
next. So both run in tasks of their own, and a stream that is not wanted any more is drained: a last
request tells the model to stop, the stream is read to its end, and the call is cancelled only if
that end does not come.

A request to a model that is not loaded must not follow others on a stream: tritonserver 2.51
writes its error into a response that it is still writing, and crashes. So the streams of a
model are shut, and their requests answered, before it is unloaded, and a voice is told to stop by a
stream of its own.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from vdx.core.errors import ModelUnavailable, TritonError

DRAIN_S = 60.0
"""How long a stream is drained before its call is cancelled."""
CLOSE_S = 2.0
"""How long closing the client waits for streams that are being drained."""
BROKEN = (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError)
"""What reading from or writing to a call raises that is over, or whose connection is."""
DEAD_S = 0.1
"""The same where the model is known not to answer any more."""


SHUT_POLL_S = 0.01


class ModelStream:
    """One ModelStreamInfer call; giving up a read or a write does not cancel it."""

    def __init__(self, call: Any, model: str, answered: Callable[[], None]) -> None:
        self.call = call
        self.model = model
        self._answered = answered
        self._reading: asyncio.Task[Any] | None = None
        self._writing: asyncio.Task[Any] | None = None
        self._failed: asyncio.Future[TritonError] = asyncio.get_running_loop().create_future()
        self._shut: TritonError | None = None
        self.one_request = False
        """It carries a single request, so no second one can crash the server."""

    @property
    def failed(self) -> bool:
        """Whether `fail` was called: the model does not answer any more."""
        return self._failed.done()

    def fail(self, error: TritonError) -> None:
        """Ends every read and write under way, and all that follow, with `error`."""
        if not self._failed.done():
            self._failed.set_result(error)

    def shut(self, error: TritonError) -> None:
        """Refuses every further write with `error`, except the last one of `drain`."""
        self._shut = error

    async def read(self, wait_s: float | None = None) -> Any:
        """The next message, or grpc.aio.EOF.

        Raises:
            TimeoutError: none came within `wait_s` seconds; the same read can be tried again.
            TritonError: what `fail` was told.
        """
        self._reading = self._reading or asyncio.ensure_future(self.call.read())
        message = await self._wait(self._reading, wait_s)
        self._reading = None
        if message is not grpc.aio.EOF:
            self._answered()
        return message

    async def write(self, message: Any, wait_s: float | None = None) -> None:
        """Sends a message, after one whose sender gave up waiting; raises like `read`."""
        if self._shut is not None:
            raise self._shut
        await self._write(message, wait_s)

    async def _write(self, message: Any, wait_s: float | None = None) -> None:
        if self._writing is not None:
            await self._wait(self._writing, wait_s)
        self._writing = asyncio.ensure_future(self.call.write(message))
        await self._wait(self._writing, wait_s)
        self._writing = None

    async def done_writing(self) -> None:
        await self.call.done_writing()

    async def _wait(self, task: asyncio.Task[Any], wait_s: float | None) -> Any:
        waited: set[asyncio.Future[Any]] = {task, self._failed}
        await asyncio.wait(waited, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if self._failed.done():
            raise self._failed.result()
        raise TimeoutError

    async def drain(self, last_request: Any, timeout_s: float) -> None:
        """Sends `last_request`, if any, and reads to the end of the stream, or until `fail`."""
        try:
            async with asyncio.timeout(timeout_s):
                if last_request is not None and not self.failed:
                    await self._write(last_request)
                await self.done_writing()
                while await self.read() is not grpc.aio.EOF:
                    pass
        except TritonError:
            await asyncio.sleep(DEAD_S)  # time for Triton to end the stream itself
        except (TimeoutError, *BROKEN):
            pass  # it has ended, or is cancelled below
        finally:
            self.call.cancel()
            tasks = [task for task in (self._reading, self._writing) if task is not None]
            for task in tasks:
                task.cancel()  # on a call that never reached a server they would wait for ever
            await asyncio.gather(*tasks, return_exceptions=True)


class Streams:
    """Every stream of one client until its call is over, by model."""

    def __init__(self) -> None:
        self._open: dict[str, set[ModelStream]] = {}
        self._held: set[str] = set()
        self._answered: dict[str, float] = {}
        self._draining: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def open(self, call: Callable[[], Any], model: str) -> ModelStream:
        """A new stream; raises ModelUnavailable while `model` is held."""
        if model in self._held:
            raise ModelUnavailable(f"{model} is being loaded or unloaded", model=model)
        stream = ModelStream(call(), model, lambda: self._has_answered(model))
        self._open.setdefault(model, set()).add(stream)
        return stream

    def open_probe(self, call: Callable[[], Any], model: str) -> ModelStream:
        """A stream that is not counted: not in `in_flight`, and not in `answered_since`."""
        return ModelStream(call(), model, lambda: None)

    def drain(
        self, stream: ModelStream, last_request: Any = None, *, timeout_s: float = DRAIN_S
    ) -> None:
        """Ends a stream in the background; see `ModelStream.drain`."""
        draining = stream.drain(last_request, timeout_s)
        task = asyncio.get_running_loop().create_task(draining, name="drain-stream")
        self._draining.add(task)
        task.add_done_callback(lambda done: self._has_ended(done, stream))

    def in_flight(self, model: str) -> int:
        """Streams whose call is not over, those being drained included."""
        return len(self._open.get(model, ()))

    def answered_since(self, model: str, when: float) -> bool:
        """Whether a stream of `model` brought a response after `when`, in loop time."""
        return self._answered.get(model, -1.0) > when

    @contextmanager
    def held(self, model: str) -> Iterator[None]:
        """No stream to `model` is opened inside the block."""
        self._held.add(model)
        try:
            yield
        finally:
            self._held.discard(model)

    def fail(self, model: str, error: TritonError) -> None:
        """Ends all streams of a model that does not answer any more, with `error`."""
        for stream in self._open.get(model, ()):
            stream.fail(error)

    async def shut(self, model: str, error: TritonError, timeout_s: float) -> None:
        """Lets the streams to `model` send nothing more; returns when what they sent is answered.

        Those of one request are not waited for: it may still be answered after an unload.
        """
        streams = {each for each in self._open.get(model, ()) if not each.one_request}
        for stream in streams:
            stream.shut(error)
        deadline = asyncio.get_running_loop().time() + timeout_s
        while streams & self._open.get(model, set()):
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(SHUT_POLL_S)

    async def ended(self, model: str, timeout_s: float) -> bool:
        """Whether no stream to `model` is in flight, waiting up to `timeout_s` for that."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.in_flight(model):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Waits CLOSE_S for streams being drained, then cancels them."""
        if self._draining:
            await asyncio.wait(self._draining, timeout=CLOSE_S)
        for task in list(self._draining):
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)

    def _has_answered(self, model: str) -> None:
        self._answered[model] = asyncio.get_running_loop().time()

    def _has_ended(self, task: asyncio.Task[None], stream: ModelStream) -> None:
        self._draining.discard(task)
        members = self._open.get(stream.model, set())
        members.discard(stream)
        if not members:
            self._open.pop(stream.model, None)
        self._changed.set()
