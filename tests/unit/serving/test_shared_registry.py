"""The registry in a real redis-server, which ends, comes back, fills up, and holds other keys."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from tests.wait_limit import WAIT_LIMIT_S
from vdx.core.errors import ConfigError, RegistryUnavailable
from vdx.serving.registry.entry import ServerEntry
from vdx.serving.registry.shared import CHANNEL, KEYS, SharedRegistry

PASSWORD = "correct horse"


def entry(name: str, **changes: Any) -> ServerEntry:
    voice = {"kind": "tts", "state": "resident", "capabilities": {"languages": ["en"]}}
    fields = {"name": name, "addr": f"{name}:8001", "manager": f"http://{name}:8090"}
    return ServerEntry.model_validate(fields | {"models": {"joe": voice}} | changes)


class RedisServer:
    """One redis-server on a free port, which keeps nothing."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        program = shutil.which("redis-server")
        assert program, "the tests need redis-server; run: sudo apt install redis-server"
        self.program, self.folder, self.host = program, folder, host
        with socket.create_server((host, 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.host}:{self.port}"

    def spawn(self) -> None:
        options = ["--port", str(self.port), "--bind", self.host, "--save", ""]
        self.process = subprocess.Popen(
            [self.program, *options, "--requirepass", PASSWORD, "--dir", str(self.folder)],
            stdout=subprocess.DEVNULL,
        )

    async def start(self) -> None:
        self.spawn()
        async with self.client() as client:
            await until(lambda: _answers(client), "redis answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def client(self) -> Redis:
        return Redis(host=self.host, port=self.port, password=PASSWORD)


async def _answers(client: Redis) -> bool:
    try:
        return bool(await client.set("up", "1"))
    except OSError:
        return False
    except Exception as error:
        if type(error).__module__.startswith("redis."):
            return False
        raise


async def until(happened: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            found = happened()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)
    raise AssertionError(what)


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(tmp_path)
    await server.start()
    yield server
    server.stop()


@asynccontextmanager
async def registry(server: RedisServer, expiry_s: float = 3.0) -> AsyncIterator[SharedRegistry]:
    made = SharedRegistry(server.url, PASSWORD, expiry_s=expiry_s)
    task = asyncio.create_task(made.run())
    try:
        yield made
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def now() -> float:
    return asyncio.get_running_loop().time()


def known(registry: SharedRegistry) -> set[str]:
    return set(registry.view(now()).servers)


async def test_each_knows_the_others_while_they_live(redis: RedisServer) -> None:
    async with registry(redis) as frontend:
        async with registry(redis) as manager:
            manager.announce(entry("a"), now())
            await until(lambda: known(frontend) == {"a"}, "announced")
            manager.announce(entry("a", draining=True), now())
            await until(lambda: frontend.view(now()).servers["a"].draining, "told at once")
            async with redis.client() as client:
                written = json.loads(await client.get(f"{KEYS}a"))
                assert written["models"]["joe"]["state"] == "resident"
                assert 0 < await client.pttl(f"{KEYS}a") <= 3000
            async with registry(redis) as late:
                await until(lambda: known(late) == {"a"}, "one that starts later reads the keys")
            manager.leave("a")
            await until(lambda: known(frontend) == set(), "its Triton ended")
            manager.announce(entry("a"), now())
            await until(lambda: known(frontend) == {"a"}, "and is back")
        await until(lambda: known(frontend) == set(), "it ended, and said so")


async def test_without_redis_the_last_view_is_kept_and_is_whole_again_after_it(
    redis: RedisServer,
) -> None:
    async with registry(redis, 1.0) as frontend, registry(redis, 1.0) as manager:
        manager.announce(entry("a"), now())
        await until(lambda: known(frontend) == {"a"}, "announced")
        redis.stop()
        await until(lambda: not frontend.connected and not manager.connected, "noticed")
        await asyncio.sleep(1.5)  # longer than any key lives
        assert known(frontend) == {"a"}
        assert frontend.age_s("a", now()) > 1, "and it is known how old that is"
        manager.announce(entry("b"), now())
        await redis.start()
        await until(lambda: known(frontend) == {"a", "b"}, "announced again")
        await until(lambda: frontend.age_s("a", now()) < 1, "fresh again")


async def test_one_that_is_killed_expires_unless_its_calls_are_answered(redis: RedisServer) -> None:
    async with registry(redis, 1.0) as frontend:
        async with redis.client() as client:
            for name in ("a", "b"):
                await client.set(KEYS + name, entry(name).model_dump_json(), px=1000)
                await client.publish(CHANNEL, entry(name).model_dump_json())
        await until(lambda: known(frontend) == {"a", "b"}, "announced")

        def only_a() -> bool:
            frontend.answered("a", now())
            return known(frontend) == {"a"}

        await until(only_a, "the other has expired")


async def test_other_keys_and_newer_versions(redis: RedisServer) -> None:
    newer = json.loads(entry("new").model_dump_json())
    newer |= {"version": 7, "colour": "red"}
    newer["models"]["joe"]["metrics"]["watts"] = 3
    async with redis.client() as client:
        await client.set(f"{KEYS}new", json.dumps(newer))
        await client.set(f"{KEYS}text", "no json")
        await client.set(f"{KEYS}shape", json.dumps({"name": "x"}))
        await client.rpush(f"{KEYS}list", "another program's")
        await client.set("other", "key")
    with capture_logs() as logs:
        async with registry(redis, 60.0) as frontend:  # nobody writes that key again
            await until(lambda: known(frontend) == {"new"}, "the newer one is understood")
            assert frontend.view(now()).servers["new"].version == 7
            async with redis.client() as client:
                await client.publish(CHANNEL, "another program's")
                await client.publish(CHANNEL, entry("c").model_dump_json())
            await until(lambda: known(frontend) == {"new", "c"}, "it listens on")
    refused = {log["key"] for log in logs if log["event"] == "no announcement of a model server"}
    assert refused == {f"{KEYS}text", f"{KEYS}shape", f"{KEYS}list", CHANNEL}


async def test_a_wrong_password_and_a_redis_that_is_not_there(redis: RedisServer) -> None:
    with pytest.raises(ConfigError, match=r"registry\.password"):
        await SharedRegistry(redis.url, "wrong", expiry_s=1).check()
    with pytest.raises(ConfigError, match=r"registry\.password"):
        await SharedRegistry(redis.url, expiry_s=1).check()
    await SharedRegistry(redis.url, PASSWORD, expiry_s=1).check()
    with pytest.raises(ConfigError, match=r"registry\.url"):
        SharedRegistry("http://there", expiry_s=1)
    redis.stop()
    with pytest.raises(RegistryUnavailable, match="no Redis answers"):
        await SharedRegistry(redis.url, PASSWORD, expiry_s=1).check()


async def test_a_redis_that_is_full_still_tells(redis: RedisServer) -> None:
    async with registry(redis) as frontend, registry(redis) as manager:
        await until(lambda: frontend.connected and manager.connected, "both listen")
        async with redis.client() as client:
            await client.config_set("maxmemory", "1")
        manager.announce(entry("a"), now())
        await until(lambda: known(frontend) == {"a"}, "over the channel")


async def test_a_redis_that_hangs_holds_nobody(redis: RedisServer) -> None:
    async with registry(redis) as manager:
        manager.announce(entry("a"), now())
        await until(lambda: manager.connected, "connected")
        assert redis.process is not None
        with stopped(redis.process.pid):
            manager.announce(entry("a", draining=True), now())
            await until(lambda: not manager.connected, "noticed")
            assert known(manager) == {"a"}
        await until(lambda: manager.connected, "back")


@contextmanager
def stopped(pid: int) -> Any:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def far_away(server: RedisServer, delay_s: float) -> AsyncIterator[str]:
    """The address of a Redis whose every answer takes that much longer."""

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, s: float) -> None:
        while piece := await source.read(1 << 16):
            await asyncio.sleep(s)
            sink.write(piece)
        sink.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(server.host, server.port)
        async with asyncio.TaskGroup() as group:
            group.create_task(pass_on(reader, back, delay_s))
            group.create_task(pass_on(there, writer, 0.0))

    listening = await asyncio.start_server(connected, server.host, 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"redis://{server.host}:{port}"
    finally:
        listening.close()


async def test_a_redis_that_is_slow_loses_no_server(redis: RedisServer) -> None:
    """Twenty servers, read one by one, would take longer than their announcements last."""
    names = {f"gpu{number}" for number in range(20)}
    async with far_away(redis, 0.1) as url, registry(redis, 2.0) as manager:
        for name in names:
            manager.announce(entry(name), now())
        frontend = SharedRegistry(url, PASSWORD, expiry_s=2.0)
        task = asyncio.create_task(frontend.run())
        await until(lambda: known(frontend) == names, "all are known")
        seen = []
        for _ in range(100):
            await asyncio.sleep(0.05)
            seen.append(known(frontend))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert all(each == names for each in seen), [names - each for each in seen]


async def test_a_clock_of_redis_that_jumps_loses_nobody_and_keeps_nobody_dead(
    redis: RedisServer,
) -> None:
    """Forward, every key expires at once; back, none does for hours."""
    async with registry(redis, 1.0) as frontend, redis.client() as client:
        async with registry(redis, 1.0) as manager:
            manager.announce(entry("a"), now())
            await until(lambda: known(frontend) == {"a"}, "announced")
            await client.flushall()
            await until(lambda: client.exists(f"{KEYS}a"), "written again")
            assert known(frontend) == {"a"}
            await client.pexpire(f"{KEYS}a", 3_600_000)
        await until(lambda: known(frontend) == set(), "it ended in order")
        await client.set(f"{KEYS}b", entry("b").model_dump_json(), px=3_600_000)
        await until(lambda: known(frontend) == {"b"}, "its key is there")
        await client.delete(f"{KEYS}b")
        await until(lambda: known(frontend) == set(), "nobody waits for the hour to end")


async def test_keys_of_another_program_are_told_once_and_not_remembered_for_ever(
    redis: RedisServer,
) -> None:
    with capture_logs() as logs:
        async with registry(redis, 0.3) as frontend, redis.client() as client:
            for number in range(3):
                await client.set(f"{KEYS}{number}", "no entry")
                await until(lambda: frontend._wrong, "it is told")
                await client.delete(f"{KEYS}{number}")
                await until(lambda: not frontend._wrong, "and forgotten with the key")
    refused = [log["key"] for log in logs if log["event"] == "no announcement of a model server"]
    assert refused == [f"{KEYS}{number}" for number in range(3)]


async def test_two_servers_of_one_name_are_told(redis: RedisServer) -> None:
    with capture_logs() as logs:
        async with registry(redis) as one, registry(redis) as other:
            one.announce(entry("a"), now())
            other.announce(entry("a", addr="elsewhere:8001"), now())

            def told() -> bool:
                return any("set registry.name" in log.get("why", "") for log in logs)

            await until(told, "told")
            assert one.view(now()).servers["a"].addr == "a:8001", "each keeps its own"
