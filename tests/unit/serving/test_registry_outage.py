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
        self.ends: dict[bytes, float] = {}
        """When keys end, in seconds of the loop; another one was written right now."""
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
        now = asyncio.get_running_loop().time()
        has_ended = self.redis.ends.get(key, now + 1) <= now
        self.answers.append(None if has_ended else self.redis.kept.get(key))
        return self

    def pttl(self, key: bytes) -> "Pipeline":
        now = asyncio.get_running_loop().time()
        self.answers.append(round(1000 * (self.redis.ends.get(key, now + 15.0) - now)))
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


@on_virtual_time
async def test_a_dead_server_whose_key_stays_for_hours_is_forgotten() -> None:
    """The clock of Redis went back after the last writing."""
    async with frontend() as (redis, registry):
        now = asyncio.get_running_loop().time()
        redis.ends[f"{KEYS}a".encode()] = now + 3600
        await asyncio.sleep(60)
        assert known(registry) == set()
        await asyncio.sleep(600)
        assert known(registry) == set(), "no later look brings it back"
        redis.ends.clear()
        await asyncio.sleep(16)
        assert known(registry) == {"a"}, "it was started again, and writes"


@on_virtual_time
async def test_a_server_that_writes_on_after_the_clock_went_back_is_kept() -> None:
    async with frontend() as (redis, registry):
        key = f"{KEYS}a".encode()
        redis.ends[key] = asyncio.get_running_loop().time() + 3600
        await asyncio.sleep(16)
        del redis.ends[key]  # its next writing ends in 15 s again
        for _ in range(120):
            await asyncio.sleep(1)
            assert known(registry) == {"a"}


@on_virtual_time
async def test_a_server_that_failed_a_call_is_not_brought_back_by_its_old_key() -> None:
    async with frontend() as (redis, registry):
        redis.ends[f"{KEYS}a".encode()] = asyncio.get_running_loop().time() + 14
        await asyncio.sleep(10)
        registry.leave("a")
        for _ in range(20):
            await asyncio.sleep(1)
            assert known(registry) == set()
