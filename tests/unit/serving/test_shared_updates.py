"""Updates that frontends tell each other of, through a real redis-server that comes and goes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.unit.serving.test_shared_registry import PASSWORD, RedisServer, redis, until
from vdx.serving.registry.shared_updates import CHANNEL, GONE, UPDATES, VERSIONS, SharedUpdates
from vdx.serving.registry.update_entry import UpdateEntry, UpdateFigures, VersionEntry

__all__ = ["redis"]


def update(state: str = "trial", **changes: Any) -> UpdateEntry:
    fields = {"id": "one", "name": "joe", "old": "joe", "new": "joe-2", "share": 0.1}
    return UpdateEntry.model_validate(fields | {"state": state} | changes)


class Heard:
    """What one frontend heard."""

    def __init__(self, exchange: SharedUpdates) -> None:
        self.exchange = exchange
        self.updates: list[UpdateEntry] = []
        self.figures: list[UpdateFigures] = []
        self.versions: list[VersionEntry] = []
        exchange.heard = self.updates.append
        exchange.reported = self.figures.append
        exchange.version = self.versions.append


@asynccontextmanager
async def frontend(server: RedisServer, expiry_s: float = 1.5) -> AsyncIterator[Heard]:
    exchange = SharedUpdates(server.url, PASSWORD, expiry_s=expiry_s)
    task = asyncio.create_task(exchange.run())
    try:
        yield Heard(exchange)
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await exchange.close()


async def test_an_update_reaches_the_others_and_their_figures_who_decides(
    redis: RedisServer,
) -> None:
    async with frontend(redis) as asked, frontend(redis) as other:
        asked.exchange.tell(update())
        await until(lambda: other.updates, "the update is heard")
        assert other.updates[0] == update()
        seen = UpdateFigures.model_validate(
            {"id": "one", "by": "other", "new": {"requests": 2, "errors": 1, "times_ms": [40.0]}}
        )
        other.exchange.report(seen)
        await until(lambda: asked.figures, "the figures are heard")
        assert asked.figures[0] == seen
        assert asked.updates == [], "nobody hears their own"


async def test_who_begins_later_knows_what_a_name_stands_for(redis: RedisServer) -> None:
    async with frontend(redis) as asked:
        asked.exchange.tell(update("promoted", revision=asked.exchange.next_revision("joe")))
        await until(lambda: kept(redis, VERSIONS + "joe"), "it is kept")
    late = SharedUpdates(redis.url, PASSWORD, expiry_s=1.5)
    heard = Heard(late)
    await late.read()
    await late.close()
    assert heard.versions == [VersionEntry(name="joe", model="joe-2", revision=1)]
    assert late.next_revision("joe") == 2


async def kept(server: RedisServer, key: str) -> bytes | None:
    async with server.client() as client:
        text: bytes | None = await client.get(key)
        return text


async def test_one_whose_frontend_ended_is_over_for_the_others(redis: RedisServer) -> None:
    async with frontend(redis) as other:
        async with frontend(redis) as asked:
            asked.exchange.tell(update())
            await until(lambda: other.updates, "the update is heard")
        await until(lambda: other.updates[-1].is_over, "it is given up")
        assert (other.updates[-1].state, other.updates[-1].why) == ("rolled back", GONE)


async def test_while_redis_is_gone_it_goes_on_and_a_promotion_is_told_afterwards(
    redis: RedisServer,
) -> None:
    async with frontend(redis) as asked, frontend(redis) as other:
        asked.exchange.tell(update())
        await until(lambda: other.updates, "the update is heard")
        redis.stop()
        asked.exchange.tell(update("promoted", revision=1))
        await asyncio.sleep(2.0)  # longer than the expiry
        assert not any(each.is_over for each in other.updates)
        await redis.start()
        await until(lambda: other.updates[-1].state == "promoted", "the promotion is heard")
        assert other.versions == [VersionEntry(name="joe", model="joe-2", revision=1)]
        assert await kept(redis, VERSIONS + "joe")


async def test_an_older_version_does_not_replace_a_newer_one(redis: RedisServer) -> None:
    newer = VersionEntry(name="joe", model="joe-3", revision=5)
    async with redis.client() as client:
        await client.set(VERSIONS + "joe", newer.model_dump_json())
    async with frontend(redis) as one:
        await until(lambda: one.versions == [newer], "it is read")
        one.exchange.tell(update("promoted", revision=2))
        await until(lambda: kept(redis, UPDATES + "joe"), "the update is told")
        assert json.loads(await kept(redis, VERSIONS + "joe") or b"{}")["model"] == "joe-3"


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"update": {"id": "x"}}', '{"other": 1}', '{"figures": 3}'],
    ids=["no JSON", "a list", "fields missing", "another program's", "a number"],
)
async def test_what_is_no_message_is_told_and_left_alone(redis: RedisServer, text: str) -> None:
    with capture_logs() as logs:
        async with frontend(redis) as one, redis.client() as client:
            await client.rpush(VERSIONS + "list", "another program's")
            await until(lambda: client.publish(CHANNEL, text), "it listens")
            await until(lambda: told(logs, CHANNEL), "the message is refused")
            await client.publish(CHANNEL, f'{{"update": {update(later="x").model_dump_json()}}}')
            await until(lambda: one.updates, "the next one is heard")
    assert told(logs, VERSIONS + "list") or told(logs, CHANNEL)


def told(logs: Any, where: str) -> bool:
    return any(line.get("key") == where for line in logs)


async def test_one_whose_frontend_ends_in_order_is_over_at_once(redis: RedisServer) -> None:
    async with frontend(redis, expiry_s=60.0) as other:
        async with frontend(redis, expiry_s=60.0) as asked:
            asked.exchange.tell(update())
            await until(lambda: other.updates, "the update is heard")
        await until(lambda: other.updates[-1].is_over, "it is given up")
        assert other.updates[-1].why == GONE


async def test_a_promotion_just_before_the_end_is_told(redis: RedisServer) -> None:
    async with frontend(redis, expiry_s=60.0) as other:
        async with frontend(redis, expiry_s=60.0) as asked:
            asked.exchange.tell(update())
            await until(lambda: other.updates, "the update is heard")
            asked.exchange.tell(update("promoted", revision=1))
        await until(lambda: other.versions, "the version is heard")
        assert other.updates[-1].state == "promoted"


async def test_figures_of_another_update_do_not_keep_ones_own_from_being_told(
    redis: RedisServer,
) -> None:
    async with frontend(redis, expiry_s=2.1) as one, frontend(redis, expiry_s=2.1) as other:
        one.exchange.tell(update())
        for number in range(45):  # longer than the expiry
            seen = {"id": "two", "by": "one", "new": {"requests": number}}
            one.exchange.report(UpdateFigures.model_validate(seen))
            await asyncio.sleep(0.1)
        assert not any(each.is_over for each in other.updates)


async def test_what_changes_while_it_is_told_is_told_too(redis: RedisServer) -> None:
    async with frontend(redis, expiry_s=60.0) as asked, frontend(redis, expiry_s=60.0) as other:
        publish, late = asked.exchange._publish, ["promoted"]

        async def slow(kind: str, entry: Any) -> None:
            await publish(kind, entry)
            if late:
                asked.exchange.tell(update(late.pop(), revision=1))

        asked.exchange._publish = slow  # type: ignore[method-assign]
        asked.exchange.tell(update())
        await until(lambda: other.versions, "the promotion is heard")


async def test_one_that_is_over_does_not_hide_the_next_one_of_its_name(redis: RedisServer) -> None:
    first = SharedUpdates(redis.url, PASSWORD, expiry_s=1.5)
    heard = Heard(first)
    first._hear(update(id="two"))
    first._hear(update("rolled back"))
    await asyncio.sleep(2.0)
    await first._read_updates()
    await first.close()
    assert (heard.updates[-1].id, heard.updates[-1].why) == ("two", GONE)


async def test_a_redis_that_is_full_is_told_once_of_each_key(redis: RedisServer) -> None:
    with capture_logs() as logs:
        async with frontend(redis, 0.3) as asked:
            async with redis.client() as client:
                await client.config_set("maxmemory", "1")
            asked.exchange.tell(update("promoted", revision=1))
            asked.exchange.tell(update(id="two"))
            await asyncio.sleep(1.5)
    told = [log["key"] for log in logs if log["event"] == "update not read from Redis"]
    assert sorted(set(told)) == [UPDATES + "joe", VERSIONS + "joe"]
    assert len(told) == 2, told
