"""The workers of one process: one for each agent, for LiveKit registers a worker under one name."""

import asyncio

from vdx.app import Application
from vdx.transports.room.agent import agents_of
from vdx.transports.room.worker import RoomWorker, lead_of


class RoomWorkers:
    """`run` beside the HTTP server; `drain` when the process is asked to end.

    `livekit.max_rooms` bounds the conversations of all agents together. What one of them raises
    ends them all, as it ends a process with one.
    """

    def __init__(self, host: Application) -> None:
        config, promised = host.config.livekit, set[str]()
        lead = lead_of(config)
        self._workers = [RoomWorker(host, agent, promised, lead) for agent in agents_of(config)]

    async def run(self) -> None:
        """Works until cancelled; a LiveKit server that is away is waited for."""
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(worker.run(), name=f"worker-{worker.name}")
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def registered(self) -> None:
        """Returns when LiveKit knows every agent."""
        for worker in self._workers:
            await worker.registered.wait()

    async def drain(self) -> None:
        """Takes no more jobs; returns when every room that was promised is over."""
        await asyncio.gather(*(worker.drain() for worker in self._workers))
