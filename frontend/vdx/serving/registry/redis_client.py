"""The client of the registry's Redis, and the time that one command of it may take."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vdx.core.errors import ConfigError

if TYPE_CHECKING:
    from redis.asyncio import Redis

TIMEOUT_S = 2.0
"""How long one command may take."""
KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A key's text, and the milliseconds until it expires: negative where it does not.

    `error` is why it was not read: another program's key may be of another type.
    """

    key: str
    text: bytes = b""
    left_ms: int = -1
    error: str = ""


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


async def read_all(redis: "Redis", prefix: str) -> AsyncIterator[StoredValue]:
    """Every key with a prefix; KEYS_AT_ONCE are read at once: the way to Redis may be long."""
    from redis.exceptions import ResponseError

    cursor = 0
    while True:
        cursor, keys = await in_time(redis.scan(cursor, match=f"{prefix}*", count=KEYS_AT_ONCE))
        pipe = redis.pipeline(transaction=False)
        for key in keys:
            pipe.get(key)
            pipe.pttl(key)
        answers = await in_time(pipe.execute(raise_on_error=False)) if keys else []
        for key, text, left_ms in zip(keys, answers[::2], answers[1::2], strict=True):
            name = key.decode(errors="replace")
            if isinstance(text, ResponseError):
                yield StoredValue(name, error=str(text))
            elif isinstance(left_ms, Exception) or isinstance(text, Exception):
                raise text if isinstance(text, Exception) else left_ms
            elif text is not None:
                yield StoredValue(name, text, left_ms)
        if not cursor:
            return
