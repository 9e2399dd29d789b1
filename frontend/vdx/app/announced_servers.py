"""Lets sessions use the servers that other processes announce: each gets a client of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from vdx.app.model_server import ModelServer
from vdx.core.config import Config
from vdx.core.errors import VdxError
from vdx.core.logs import logger
from vdx.serving.manager import ModelManager
from vdx.serving.manager_client import ManagerClient
from vdx.serving.models import ModelInfo
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.triton import TritonClient

if TYPE_CHECKING:
    from vdx.app.application import Application

log = logger(__name__)

LOOK_S = 1.0
RETRY_S = 10.0
"""After which one that could not be used is tried again."""

ReadModels = Callable[[], Awaitable[Mapping[str, ModelInfo]]]


class AnnouncedServers:
    """Adds to the application what is announced, and takes away what is no longer."""

    def __init__(self, host: "Application", config: Config, read_models: ReadModels) -> None:
        self._host = host
        self._config = config
        self._read_models = read_models
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._addresses: dict[str, tuple[str, str]] = {}
        """Of each that is used: where it and its manager are."""
        self._moved: dict[str, float] = {}
        """Since when one is announced at other addresses."""

    async def run(self) -> None:
        """Follows the announcements until cancelled."""
        try:
            while True:
                await self.follow()
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def follow(self) -> None:
        """Compares once what is announced with what is used."""
        now = asyncio.get_running_loop().time()
        entries = dict(self._host.routes.registry.view(now).servers)  # others announce meanwhile
        for name, task in list(self._tasks.items()):
            if self._is_over(name, entries.get(name), now):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        used = {server.name for server in self._host.servers} | self._tasks.keys()
        for name, entry in entries.items():
            if name not in used and entry.manager and not self._is_first(entry):
                started = asyncio.Event()
                task = asyncio.create_task(self._use(entry, started), name=f"use-{name}")
                self._tasks[name], self._addresses[name] = task, _addresses(entry)
                task.add_done_callback(partial(self._forget, name))
                await started.wait()

    def _forget(self, name: str, _task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        self._addresses.pop(name, None)
        self._moved.pop(name, None)

    def _is_over(self, name: str, entry: ServerEntry | None, now: float) -> bool:
        """Whether a server has gone, or was started again at another address.

        Of two that announce themselves by one name, in turn, the first one is kept.
        """
        if entry is None:
            return not self._is_in_use(name)
        if _addresses(entry) == self._addresses.get(name):
            self._moved.pop(name, None)
            return False
        since = self._moved.setdefault(name, now)
        server = self._host.routes.named(name)
        if server is None or not server.answers:
            return True
        return now - since >= self._config.model_manager.lease_expiry_ms / 1000

    def _is_first(self, entry: ServerEntry) -> bool:
        """Whether it is the server that this process was started with, which gets its name."""
        first = self._host.servers[0]
        if first.client.config.url != entry.addr or not first.is_others:
            return first.client.config.url == entry.addr
        if first.name != entry.name:
            self._host.routes.registry.leave(first.name)
        first.name, first.announced = entry.name, True
        first.manager.rename(entry.name)
        return True

    def _is_in_use(self, name: str) -> bool:
        """Whether a session holds a lease there: its calls may still be answered."""
        server = self._host.routes.named(name)
        return server is not None and server.answers and bool(server.manager.residency.all_leases())

    async def _use(self, entry: ServerEntry, started: asyncio.Event) -> None:
        """Uses one server until cancelled; where that fails it is given up for RETRY_S."""
        try:
            await self._open(entry, started)
        except Exception:  # whatever is wrong with what was announced, the others are used
            log.exception("model server cannot be used", server=entry.name, addr=entry.addr)
            await asyncio.sleep(RETRY_S)

    async def _open(self, entry: ServerEntry, started: asyncio.Event) -> None:
        config, host = self._config, self._host
        managed = config.model_manager
        async with AsyncExitStack() as stack:
            try:
                address = config.triton.model_copy(update={"url": entry.addr})
                client = await stack.enter_async_context(TritonClient(address))
                remote = await stack.enter_async_context(
                    ManagerClient(
                        entry.manager,
                        managed.api_key.get_secret_value(),
                        tls=managed.tls,
                        load_timeout_s=2 * config.triton.load_timeout_ms / 1000,
                    )
                )
                manager = ModelManager(client, self._read_models, config=managed, control=remote)
                server = host.add_server(entry.name, client, manager, announced=True)
                stack.callback(host.remove_server, server)
                host.share_leases(remote, server)
                log.info("model server found", server=entry.name, addr=entry.addr)
            finally:
                started.set()
            await self._serve(server, entry)

    async def _serve(self, server: ModelServer, entry: ServerEntry) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run(), name=f"watch-{server.name}")
            for model, kind in self._host.profiles.used().items():
                offered = entry.models.get(model)
                if offered is not None and offered.state == "resident":
                    try:
                        await server.manager.ensure(model, kind)
                    except VdxError as error:
                        log.warning("model not found there", model=model, error=error.for_log)


def _addresses(entry: ServerEntry) -> tuple[str, str]:
    return entry.addr, entry.manager
