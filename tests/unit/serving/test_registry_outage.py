"""What a registry does while Redis is gone or hangs, on virtual time with a Redis made up here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, cast

from redis.exceptions import ConnectionError as Disconnected
from structlog.testing import capture_logs

from tests.unit.virtual_time import on_virtual_time
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.shared import CHANNEL, KEYS, SharedRegistry

LANGUAGES = [f"x-{number}" for number in range(40)]


class Redis:
    """Answers, refuses, or hangs; `told` is what the channel says next."""

    def __init__(self) -> None:
        self.is_up, self.hangs = True, False
        self.kept: dict[bytes, bytes] = {}
        self.told: list[bytes] = []

    async def _answer(self, value: Any = None) -> Any:
        if self.hangs:
            await asyncio.sleep(3600)
        if not self.is_up:
            raise Disconnected("nobody there")
        return value

    async def ping(self) -> Any:
        return await self._answer()

    async def scan(self, _cursor: int, **_: Any) -> Any:
        return await self._answer((0, list(self.kept)))

    def pipeline(self, *, transaction: bool) -> "Pipeline":
        assert not transaction
        return Pipeline(self)

    def pubsub(self) -> "Redis":
        return self

    async def subscribe(self, channel: str) -> Any:
        assert channel == CHANNEL
        return await self._answer()

    async def get_message(self, **_: Any) -> Any:
        await asyncio.sleep(0.1)
        if not self.is_up:
            raise Disconnected("closed")
        return {"data": self.told.pop(0)} if self.told and not self.hangs else None

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...


class Pipeline:
    """Commands that are answered together."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.answers = redis, list[Any]()

    def get(self, key: bytes) -> "Pipeline":
        self.answers.append(self.redis.kept.get(key))
        return self

    def pttl(self, _key: bytes) -> "Pipeline":
        self.answers.append(15_000)
        return self

    async def execute(self, *, raise_on_error: bool) -> Any:
        assert not raise_on_error
        return await self.redis._answer(self.answers)


def entry(name: str, models: int = 1) -> bytes:
    voice = {"kind": "tts", "state": "resident", "capabilities": {"languages": LANGUAGES}}
    fields = {"name": name, "addr": f"{name}:8001", "manager": f"http://{name}:8090"}
    every = {f"voice-{number}": voice for number in range(models)}
    return ServerEntry.model_validate(fields | {"models": every}).model_dump_json().encode()


@asynccontextmanager
async def frontend() -> AsyncIterator[tuple[Redis, SharedRegistry]]:
    """A registry that announces nothing itself, with one server in its Redis."""
    redis, registry = Redis(), SharedRegistry("redis://localhost:1", expiry_s=15.0)
    redis.kept[f"{KEYS}a".encode()] = entry("a")
    registry._redis = cast(Any, redis)
    task = asyncio.create_task(registry.run())
    await asyncio.sleep(1)
    assert known(registry) == {"a"}
    try:
        yield redis, registry
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.wait({task})


def known(registry: SharedRegistry) -> set[str]:
    return set(registry.view(asyncio.get_running_loop().time()).servers)


@on_virtual_time
async def test_a_frontend_tells_once_that_redis_is_gone_and_once_that_it_is_back() -> None:
    with capture_logs() as logs:
        async with frontend() as (redis, registry):
            redis.is_up = False
            for _ in range(60):
                await asyncio.sleep(1)
                assert not registry.connected
                assert known(registry) == {"a"}
            redis.is_up = True
            await asyncio.sleep(2)
            assert registry.connected
    assert [log["event"] for log in logs] == [
        "Redis does not take part; the last known servers are kept",
        "Redis answers again",
    ]


@on_virtual_time
async def test_a_frontend_notices_a_redis_that_hangs_before_anything_expires() -> None:
    async with frontend() as (redis, registry):
        redis.hangs = True
        await asyncio.sleep(40)
        assert not registry.connected
        assert known(registry) == {"a"}
        redis.hangs = False
        await asyncio.sleep(6)
        assert registry.connected
        redis.kept.clear()
        await asyncio.sleep(40)
        assert known(registry) == set(), "it expired while Redis answered"


@on_virtual_time
async def test_a_server_of_many_models_is_understood() -> None:
    async with frontend() as (redis, registry):
        redis.told.append(entry("big", models=300))
        await asyncio.sleep(1)
        assert known(registry) == {"a", "big"}
