"""The client of the registry's Redis, and the time that one command of it may take."""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT_S = 2.0
"""How long one command may take."""


def redis_client(url: str, password: str | None) -> "Redis":
    """Not connected yet; `url` is as `SharedRegistry` takes it, ConfigError for any other."""
    from redis.asyncio import Redis

    address = f"unix://{url.removeprefix('unix:').removeprefix('//')}"
    try:
        return Redis.from_url(
            address if url.startswith("unix:") else url,
            password=password or None,
            socket_timeout=None,
            socket_connect_timeout=TIMEOUT_S,
            health_check_interval=5,
        )
    except ValueError as error:
        raise ConfigError(f"configuration key registry.url: {error}") from None


async def in_time(command: Awaitable[Any]) -> Any:
    """What a command answers; raises TimeoutError after TIMEOUT_S."""
    async with asyncio.timeout(TIMEOUT_S):
        return await command
