"""What `vdx up` and `vdx frontend` share: settings, the application, Triton, and serving."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vdx.cli.config import parse_assignments
from vdx.cli.console import warn
from vdx.core import settings, tracing
from vdx.core.errors import PortTaken, SetupError
from vdx.core.logs import configure, logger
from vdx.core.masking import masked

if TYPE_CHECKING:
    import socket

    from vdx.app import Application
    from vdx.core.config import Config, TritonConfig
    from vdx.serving.embedded import EmbeddedTriton
    from vdx.serving.manager import ModelManager
    from vdx.serving.manager_client import ManagerClient
    from vdx.serving.models import ModelInfo
    from vdx.serving.registry.shared import SharedRegistry
    from vdx.serving.triton import TritonClient

log = logger(__name__)

Tell = Callable[[str], None]

REGISTER_S = 10.0
"""How long the start waits for a LiveKit server."""


def load_settings(
    file: Path | None, assignments: list[str], flags: dict[str, Any]
) -> settings.Settings:
    """The effective settings of a serving command, logging set up; raises ConfigError."""
    given = {key: value for key, value in flags.items() if value is not None}
    loaded = settings.load(file, {**parse_assignments(assignments), **given})
    configure(loaded.config.log)
    tracing.configure(loaded.config.tracing)
    if loaded.ignored:
        log.debug("variables set by Kubernetes are not read", names=", ".join(loaded.ignored))
    _check_scripts(loaded.config)
    return loaded


def _check_scripts(config: "Config") -> None:
    """Reads the scripts of script responders, to find an error in one before Triton starts."""
    from vdx.speech.text.responder import make_responder

    for profile in config.profiles.values():
        responder = profile.responder or config.responder
        if responder.kind == "script":
            make_responder(responder)


def bind_server(loaded: settings.Settings, tell: Tell) -> "socket.socket":
    """The server's listening socket; calls `tell` if another than the default port is used.

    Waits up to ten seconds for a port that an earlier vdx still holds. Raises PortTaken.
    """
    from vdx.serving.held_ports import PAUSE_S, HeldPortRetry
    from vdx.transports.http.server import bind
    from vdx.transports.security import Guard

    server = loaded.config.server
    Guard(server)  # refuses an open address without a key before anything is started
    explicit = loaded.origins.get("server.port", "default") != "default"
    retry = HeldPortRetry(tell)
    while True:
        try:
            listener = bind(server, explicit=explicit)
            break
        except PortTaken as taken:
            if not retry.allows(taken):
                raise
        time.sleep(PAUSE_S)
    port = listener.getsockname()[1]
    if not explicit and port != server.port:
        tell(f"port {server.port} is taken, using {port}")
    return listener


async def models_here() -> "dict[str, ModelInfo]":
    """Every model in the repositories on this machine, loaded or not."""
    from vdx.core.paths import locate
    from vdx.serving.model_config import read_repository

    bundled, pulled = [
        await asyncio.to_thread(read_repository, folder) for folder in locate().model_repositories
    ]
    return pulled | bundled


@contextlib.asynccontextmanager
async def open_application(
    config: "Config",
    triton: "TritonConfig",
    *,
    others: "Sequence[TritonConfig]" = (),
    owner: bool = False,
    manages_only: bool = False,
) -> AsyncIterator["Application"]:
    """An application that uses the Triton at `triton`, and `others`, without waiting for them.

    An `owner` of these Tritons, as of `others`, evicts what is idle; one of several frontends does
    not, and has `model_manager.url`, where it is set, load and unload for it.

    Raises:
        ManagerUnavailable: no manager answers there.
        SetupError: another manager owns that Triton.
    """
    from vdx.app.announced_servers import AnnouncedServers
    from vdx.cli.model_registry import (
        first_announced,
        open_registry,
        provisional_name,
        server_name,
        sharing_updates,
    )
    from vdx.serving.manager_lock import manager_lock
    from vdx.serving.triton import TritonClient

    async with contextlib.AsyncExitStack() as stack:
        registry = await stack.enter_async_context(open_registry(config))
        if registry is not None and not owner:
            config, triton = await first_announced(config, triton, registry)
        if owner:
            stack.enter_context(manager_lock(triton.url))
        client = await stack.enter_async_context(TritonClient(triton))
        remote = None
        if config.model_manager.url and not owner:
            remote = await stack.enter_async_context(_manager_client(config))
            await remote.require()
        manager = _model_manager(config, client, remote, owner=owner)
        name = config.registry.name or (server_name(0) if others else "")
        if registry is not None and remote is not None:
            name = provisional_name(config)
        host = _application(config, client, manager, registry, name, manages_only=manages_only)
        host.servers[0].triton_url = config.registry.triton_url
        host.servers[0].owned = owner
        if remote is not None:
            host.share_leases(remote)
        if registry is not None:
            await stack.enter_async_context(sharing_updates(host))
        if registry is not None and not manages_only:
            host.announced = AnnouncedServers(host, config, models_here)
        for number, other in enumerate(others, 1):
            await stack.enter_async_context(_another(host, server_name(number), other))
        stack.push_async_callback(host.close)
        yield host


def _application(
    config: "Config",
    client: "TritonClient",
    manager: "ModelManager",
    registry: "SharedRegistry | None",
    name: str,
    *,
    manages_only: bool,
) -> "Application":
    from vdx.app import Application
    from vdx.core.paths import locate
    from vdx.serving.model_versions import ModelVersions

    return Application(
        config,
        client,
        manager,
        manages_only=manages_only,
        name=name,
        registry=registry,
        versions=ModelVersions(locate().home / "versions.json"),
    )


@contextlib.asynccontextmanager
async def _another(host: "Application", name: str, triton: "TritonConfig") -> AsyncIterator[None]:
    """A further Triton whose models this process loads and evicts."""
    from vdx.serving.manager_lock import manager_lock
    from vdx.serving.triton import TritonClient

    with manager_lock(triton.url):
        async with TritonClient(triton) as client:
            manager = _model_manager(host.config, client, None, owner=True)
            host.add_server(name, client, manager).owned = True
            yield


def _manager_client(config: "Config") -> "ManagerClient":
    from vdx.serving.manager_client import ManagerClient

    managed = config.model_manager
    load_s = 2 * config.triton.load_timeout_ms / 1000  # another load may be before it
    key = managed.api_key.get_secret_value()
    return ManagerClient(managed.url, key, tls=managed.tls, load_timeout_s=load_s)


def _model_manager(
    config: "Config", client: "TritonClient", remote: "ManagerClient | None", *, owner: bool
) -> "ModelManager":
    from vdx.core.paths import locate
    from vdx.serving.managed_models import ManagedModels
    from vdx.serving.manager import ModelManager
    from vdx.serving.model_memory import memory_mb
    from vdx.serving.warm_up import warm_up

    if remote is not None:
        return ModelManager(client, models_here, config=config.model_manager, control=remote)
    remembered = ManagedModels(locate().home / "managed", client.config.url) if owner else None
    return ModelManager(
        client,
        models_here,
        config=config.model_manager,
        owner=owner,
        warm_up=partial(warm_up, client),
        remembered=remembered,
        measure=partial(memory_mb, url=client.config.url),
    )


@contextlib.asynccontextmanager
async def running_triton(
    loaded: settings.Settings, check: Callable[["Mapping[str, ModelInfo]"], None]
) -> AsyncIterator[tuple["TritonClient", "ModelManager"]]:
    """The configured Triton if one answers, else an embedded one that ends with the block.

    `check` gets the models on this machine before a Triton is started, and raises if one that the
    command names is missing.
    """
    from vdx.serving.address import triton_at
    from vdx.serving.manager import ModelManager
    from vdx.serving.triton import TritonClient

    config = triton_at(loaded.config)
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(TritonClient(config))
        if not await client.is_ready():
            check(await models_here())
            warn("no Triton runs, starting one for the moment …")
            triton = await stack.enter_async_context(embedded_triton(loaded, for_now=True))
            remote = config.model_copy(update={"url": triton.grpc_url})
            client = await stack.enter_async_context(TritonClient(remote))
        yield client, ModelManager(client, models_here)


def embedded_triton(
    loaded: settings.Settings, *, for_now: bool = False, number: int = 0
) -> "EmbeddedTriton":
    """The embedded server of the configuration, not started; raises SetupError.

    With `for_now` it serves this command alone: it has a socket of its own. Of several, each
    `number` has a socket, and a GPU where there are more than one.
    """
    from vdx.core.paths import locate
    from vdx.serving.embedded import EmbeddedOptions, EmbeddedTriton
    from vdx.serving.environment import gpu_of, named_variables, tracing_variables

    paths, config = locate(), loaded.config
    if not paths.triton_python.exists():
        raise SetupError("the environment for Triton is not built yet: run `vdx setup`")
    options = EmbeddedOptions(
        triton_python=paths.triton_python,
        model_repository=paths.model_repository,
        families=paths.triton_backends,
        pulled_models=paths.pulled_models,
        environment={
            **named_variables(config.embedded.environment),
            **tracing_variables(config.tracing.endpoint),
        },
    )
    if config.embedded.tritons > 1:
        options = replace(options, environment={**options.environment, **gpu_of(number)})
    if not for_now:
        options = replace(
            options,
            home=paths.home,
            grpc_address=config.embedded.grpc_address,
            tls=config.triton.tls,
            metrics_port=config.embedded.metrics_port if number == 0 else None,
        )
    return EmbeddedTriton(options)


async def serve_until_stopped(
    host: "Application",
    listener: "socket.socket",
    tell: Tell,
    background: list[Callable[[], Awaitable[None]]],
    ready: Callable[[], Awaitable[None]],
    *,
    rooms: bool = False,
) -> None:
    """Waits for Triton, loads the models, calls `ready`, and serves until a signal.

    With `rooms` it also registers as a worker of the LiveKit server after the models are loaded.
    """
    from vdx.transports.http.server import serve

    # Leases and loads over HTTP are those of the first server: other processes cannot use the rest.
    host.servers[0].manager_url = _manager_address(host, listener)
    loaded = asyncio.Event()
    drain, registered = None, None
    if rooms:
        # It takes more than a second to import, and who wants no rooms need not wait for it.
        from vdx.transports.room.worker import RoomWorker

        worker = RoomWorker(host)
        drain, registered = worker.drain, worker.registered

        async def work() -> None:
            await loaded.wait()
            await worker.run()

        background = [*background, work]

    async def watch() -> None:
        await loaded.wait()
        await host.watch_models()

    async def prepare() -> None:
        for server in host.servers:
            await server.manager.wait_for_server(tell)
        await host.load_defaults()
        loaded.set()
        if registered is not None:
            await _wait_for_rooms(registered, tell, host.config.livekit.url)
        await ready()
        # Objects made so far live as long as the process: exclude them from garbage collections.
        gc.collect()
        gc.freeze()

    await serve(host, listener, [watch, *background], prepare, drain)


def _manager_address(host: "Application", listener: "socket.socket") -> str:
    """Where other processes reach the manager of this one."""
    from vdx.transports.http.server import address_of

    secure = host.manages_only and host.config.model_manager.tls.given
    return host.config.registry.manager_url or address_of(listener, secure=secure)


async def _wait_for_rooms(registered: asyncio.Event, tell: Tell, url: str) -> None:
    """Waits REGISTER_S: a room that asks for an agent before the worker is registered gets none."""
    try:
        async with asyncio.timeout(REGISTER_S):
            await registered.wait()
    except TimeoutError:
        tell(f"no LiveKit server answers at {masked(url)} yet; rooms are served once one does")
