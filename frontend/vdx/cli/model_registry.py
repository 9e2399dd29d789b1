"""Where a serving command finds the model servers of others, and announces its own."""

import asyncio
import contextlib
import platform
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from vdx.cli.console import warn
from vdx.core.errors import RegistryUnavailable
from vdx.core.masking import masked

if TYPE_CHECKING:
    from vdx.app import Application
    from vdx.core.config import Config, TritonConfig
    from vdx.serving.registry.shared import SharedRegistry

SEARCH_S = 0.25


@contextlib.asynccontextmanager
async def open_registry(config: "Config") -> AsyncIterator["SharedRegistry | None"]:
    """The Redis of the configuration, asked once; None where it names none.

    One that does not answer is told and used once it does; a wrong password is a ConfigError.
    """
    if not config.registry.url:
        yield None
        return
    from vdx.serving.registry.shared import SharedRegistry

    registry = SharedRegistry(
        config.registry.url,
        config.registry.password.get_secret_value(),
        expiry_s=config.model_manager.lease_expiry_ms / 1000,
    )
    try:
        await registry.check()
    except RegistryUnavailable as error:
        warn(str(error))
    exchange = asyncio.create_task(registry.run(), name="exchange-announcements")
    try:
        yield registry
    finally:
        exchange.cancel()
        await asyncio.gather(exchange, return_exceptions=True)


@contextlib.asynccontextmanager
async def sharing_updates(host: "Application") -> AsyncIterator[None]:
    """Has the process take part in the updates of other frontends, and them in its own."""
    from vdx.app.shared_updates import UpdateSharing
    from vdx.serving.registry.shared_updates import SharedUpdates

    config = host.config
    exchange = SharedUpdates(
        config.registry.url,
        config.registry.password.get_secret_value(),
        expiry_s=config.model_manager.lease_expiry_ms / 1000,
    )
    host.sharing = UpdateSharing(host.updates, host.served.versions, exchange)
    try:
        yield
    finally:
        await exchange.close()


async def first_announced(
    config: "Config", triton: "TritonConfig", registry: "SharedRegistry"
) -> "tuple[Config, TritonConfig]":
    """The configuration with the first server that is announced, which may take a while.

    One that names a Triton or a manager is left as it is.
    """
    if config.model_manager.url or config.triton.url:
        return config, triton
    told, loop = False, asyncio.get_running_loop()
    while True:
        servers = registry.view(loop.time()).servers.values()
        usable = [each for each in servers if each.manager and not each.draining]
        if usable:
            found = min(usable, key=lambda each: each.name)
            managed = config.model_manager.model_copy(update={"url": found.manager})
            found_triton = config.triton.model_copy(update={"url": found.addr})
            return config.model_copy(update={"model_manager": managed}), found_triton
        if not told and registry.connected:
            warn(f"waiting for a model server to announce itself at {masked(registry.url)}")
            told = True
        await asyncio.sleep(SEARCH_S)


def server_name(number: int) -> str:
    """What one of several Tritons of this machine is called."""
    return f"triton{number}@{platform.node()}"


def provisional_name(config: "Config") -> str:
    """What a frontend calls the server that it begins with until that has announced its own name.

    No announced one: `AnnouncedServers` would take it for known already, and what its manager tells
    of it, a drain too, would be overwritten by what is seen here.
    """
    return masked(config.model_manager.url)
