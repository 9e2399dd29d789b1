"""The LiveKit worker: takes jobs and serves their rooms on this process's event loop.

`livekit.agents.AgentServer` registers, answers dispatches, reports load and drains; nothing else
of it is used. It gives each job a thread with an event loop of its own, which only waits here:
gRPC does not support several event loops, and frames should not cross threads.
"""

import asyncio
import secrets
from typing import Any

from livekit import agents

from vdx.app import Application
from vdx.core.errors import ServersBusy, VdxError
from vdx.core.logs import bound, logger
from vdx.transports.room import native_log
from vdx.transports.room.abandoned_rooms import AbandonedRooms, dispatch_is_done
from vdx.transports.room.conversation import LOST, RoomConversation, Ticket
from vdx.transports.room.job_metadata import JobMetadata
from vdx.transports.room.output_lead import OutputLead

log = logger(__name__)

IDLE_THREADS = 4
"""Threads kept ready; a job that finds none waits a few milliseconds."""
FOREVER = 1_000_000_000
"""Attempts to reach the LiveKit server: it may be restarted at any time."""
STOP_S = 10.0
ANSWER_S = 5.0
"""A job is answered within this: LiveKit gives a worker up after ten, and asks no other then."""


class RoomWorker:
    """`run` beside the HTTP server; `drain` when the process is asked to end."""

    def __init__(self, host: Application) -> None:
        self._host = host
        self._config = host.config.livekit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._promised: set[str] = set()  # jobs accepted or running
        self._rooms: dict[str, asyncio.Task[str]] = {}
        self._served: set[str] = set()  # names of their rooms
        self._server: Any = None
        self._lead = OutputLead(self._config.output_queue_ms, self._config.output_queue_max_ms)
        self._draining = False
        self._kept = asyncio.Event()  # one of the promised is over
        self.registered = asyncio.Event()

    @property
    def load(self) -> float:
        """Sessions of rooms over `livekit.max_rooms`, what was promised included."""
        return len(self._promised) / self._config.max_rooms

    async def run(self) -> None:
        """Works until cancelled; a LiveKit server that is away is waited for."""
        self._loop = asyncio.get_running_loop()
        native_log.quieten()
        config = self._config
        self._server = agents.AgentServer(
            job_executor_type=agents.JobExecutorType.THREAD,
            # Admission is decided in `_answer`, exactly; its own estimate refuses bursts.
            load_threshold=float("inf"),
            load_fnc=lambda: self.load,
            drain_timeout=self._host.config.server.drain_timeout_seconds,
            num_idle_processes=min(IDLE_THREADS, config.max_rooms),
            shutdown_process_timeout=STOP_S,
            max_retry=FOREVER,
            ws_url=config.url,
            api_key=config.api_key,
            api_secret=config.api_secret.get_secret_value(),
            multiprocessing_context="spawn",
        )
        # Its HTTP server (health, and what it serves) is for clusters and has no switch of its own;
        # what else this flag does, to accept jobs whatever the load, is set above anyway.
        self._server._simulation = True  # noqa: SLF001
        self._server.rtc_session(self._job, agent_name=config.agent_name, on_request=self._answer)
        self._server.on("worker_registered", self._on_registered)
        me = secrets.token_hex(4)
        watch = asyncio.create_task(
            AbandonedRooms(config, self._served, me).run(), name="abandoned-rooms"
        )
        try:
            await self._server.run()
        finally:
            watch.cancel()
            await self._stop()

    async def drain(self) -> None:
        """Takes no more jobs; returns when every room that was promised is over.

        The limit of `server.drain_timeout_seconds` is the caller's to keep.
        """
        self._draining = True
        if self._server is None or not self._promised:
            return
        log.info("draining rooms", rooms=len(self._promised))
        await self._server.drain(timeout=None)
        while self._promised:  # one that was accepted a moment ago has no task yet
            self._kept.clear()
            await self._kept.wait()

    async def _stop(self) -> None:
        await self._cancel_rooms()
        await self._server.aclose()

    async def _cancel_rooms(self) -> None:
        for task in self._rooms.values():
            task.cancel()
        if self._rooms:
            await asyncio.wait(list(self._rooms.values()), timeout=STOP_S)

    def _on_registered(self, worker_id: str, _info: Any) -> None:
        log.info("worker registered", id=worker_id, url=self._config.url)
        self.registered.set()

    async def _answer(self, request: agents.JobRequest) -> None:
        """Accepts a job while there is room for it; else LiveKit asks another worker."""
        job = request.job.id
        if self._draining or len(self._promised) >= self._config.max_rooms:
            await request.reject(terminate=False)
            return
        self._promised.add(job)
        try:
            if not await self._is_free(request.job.metadata):
                self._release(job)
                await request.reject(terminate=False)
                return
            identity = f"{self._config.agent_name}-{secrets.token_hex(4)}"
            await request.accept(identity=identity, name=self._config.agent_name)
        except BaseException:  # not assigned after all, or this worker stops
            self._release(job)
            raise

    async def _is_free(self, metadata: str) -> bool:
        """Whether a model server has room for a job within `routing.wait_ms`, ANSWER_S at most."""
        try:
            options = JobMetadata.read(metadata).options(self._host)
        except VdxError:  # the room is told when it is joined
            return True
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._host.require_free(options)
        except (ServersBusy, TimeoutError) as error:
            log.warning("job refused", error=repr(error))
            return False
        return True

    async def _job(self, context: agents.JobContext) -> None:
        """Runs in the job's own thread and loop: hands the room over and waits for its end."""
        if self._loop is None:
            raise RuntimeError("a job came before the worker ran")
        # The token is not public; `connect` would tie the room to this thread's loop.
        info = context._info  # noqa: SLF001
        context._on_connect()  # noqa: SLF001  (else it warns that nobody connected)
        ticket = Ticket(info.url, info.token, context.job.room.name)
        serving = asyncio.run_coroutine_threadsafe(self._serve(context.job, ticket), self._loop)
        try:
            reason = await asyncio.wrap_future(serving)
        finally:
            context.shutdown()
        log.info("room left", room=ticket.room, reason=reason)

    async def _serve(self, job: Any, ticket: Ticket) -> str:
        """Serves one room on the process's loop; an exception ends this room only."""
        self._served.add(ticket.room)
        try:
            with bound(room=ticket.room):
                reason = await self._converse(job.id, ticket, job.metadata)
                # Not where this process is made to end, or has lost the room: the person waits for
                # another agent.
                if reason != LOST:
                    await dispatch_is_done(self._config, job.dispatch_id, ticket.room)
                return reason
        finally:
            self._served.discard(ticket.room)
            self._release(job.id)

    async def _converse(self, job: str, ticket: Ticket, metadata: str) -> str:
        conversation = RoomConversation(self._host, ticket, metadata, self._lead)
        task = asyncio.create_task(conversation.run(), name=f"room-{ticket.room}")
        self._rooms[job] = task
        try:
            return await task
        except VdxError as error:
            log.warning("room failed", error=error.for_log)
            return error.code
        except Exception:  # a room's root: other rooms must go on
            log.exception("room failed")
            return "internal"
        finally:
            task.cancel()
            self._rooms.pop(job, None)

    def _release(self, job: str) -> None:
        self._promised.discard(job)
        self._kept.set()
