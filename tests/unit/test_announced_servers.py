"""Servers that other processes announce: used while they are there, left when they are gone."""

import asyncio
import platform
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from tests.unit.serving.fakes import NoProcesses
from tests.unit.test_app import KINDS, hosted, opened
from tests.unit.test_servers import Talking, on_disk
from tests.unit.virtual_time import on_virtual_time
from vdx.app import Application, announced_servers
from vdx.app.announced_servers import AnnouncedServers
from vdx.app.model_server import ModelServer
from vdx.cli.model_registry import provisional_name, server_name
from vdx.core.config import Config, TlsConfig, TritonConfig
from vdx.serving.registry.entry import ServerEntry
from vdx.speech.output.tts import Voice

FAR = {"name": "far", "addr": "far:8001", "manager": "http://far:8090"}
ENGLISH = {"languages": ["en"]}
VOICE = {"kind": "tts", "state": "resident", "capabilities": ENGLISH}
RECOGNISER = {"kind": "asr", "state": "resident", "capabilities": ENGLISH}


class FarTriton(Talking):
    """One for each address that is opened."""

    opened: list["FarTriton"] = []  # noqa: RUF012  (cleared by each test)

    def __init__(self, config: TritonConfig) -> None:
        super().__init__(dict(KINDS), config=config, load_s=0.1)
        self.said = []
        self.opened.append(self)

    async def __aenter__(self) -> Self:
        self.states |= {"espeak": "READY", "pocketsphinx-en": "READY"}
        return self

    async def __aexit__(self, *_: object) -> None:
        self.answers = False


class FarManager:
    """What the frontend asks of the manager there."""

    held: set[tuple[str, str]] = set()  # noqa: RUF012  (cleared by each test)
    unloaded: list[str] = []  # noqa: RUF012  (cleared by each test)

    def __init__(self, url: str, key: str, *, tls: TlsConfig, load_timeout_s: float) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...
    async def load(self, model: str) -> None: ...

    async def unload(self, model: str) -> None:
        self.unloaded.append(model)

    async def unload_when_free(self, model: str) -> bool:
        self.unloaded.append(model)
        return False

    async def restart(self, model: str) -> None: ...

    async def lease(self, leases: Iterable[tuple[str, str]]) -> None:
        self.held |= set(leases)

    async def release(self, leases: Iterable[tuple[str, str]]) -> None:
        self.held -= set(leases)

    async def renew(self, sessions: Iterable[str]) -> int:
        return len(self.held)


@pytest.fixture(autouse=True)
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(work: Any, *arguments: Any) -> Any:
        return work(*arguments)

    FarTriton.opened.clear()
    FarManager.held.clear()
    FarManager.unloaded.clear()
    monkeypatch.setattr("vdx.app.application.in_thread", at_once)
    monkeypatch.setattr(announced_servers, "TritonClient", FarTriton)
    monkeypatch.setattr(announced_servers, "ManagerClient", FarManager)
    monkeypatch.setattr("vdx.serving.recovery.ModelProcesses", lambda *_: NoProcesses())


def announce(host: Application, **changes: Any) -> None:
    models = {"espeak": VOICE, "pocketsphinx-en": RECOGNISER}
    entry = ServerEntry.model_validate(FAR | {"models": models} | changes)
    host.routes.registry.hear(entry, asyncio.get_running_loop().time())


async def announcing(host: Application) -> None:
    while True:
        announce(host)
        await asyncio.sleep(5)


@on_virtual_time
async def test_an_announced_server_takes_sessions_until_it_is_gone() -> None:
    _, host = hosted()
    host.manager.recovery._processes = cast(Any, NoProcesses())
    await host.load_defaults()
    host.announced = AnnouncedServers(host, host.config, on_disk)
    tasks = [asyncio.create_task(host.watch_models()), asyncio.create_task(announcing(host))]
    await asyncio.sleep(3)
    assert [server.name for server in host.servers[1:]] == ["far"]
    host.servers[0].draining = True
    session = opened(host)
    await asyncio.sleep(1)
    assert (session.id, "espeak") in FarManager.held, "its manager keeps the voice loaded"
    async for _ in host.routes.of(session.id).synthesize(Voice("espeak", "en"), "hello"):
        pass
    assert FarTriton.opened[0].said == ["hello"]
    host.servers[0].draining = False
    tasks.pop().cancel()
    await asyncio.sleep(40)
    assert len(host.servers) == 2, "a session is there, and its Triton answers"
    host.forget(session)
    await asyncio.sleep(3)
    assert [server.name for server in host.servers] == [host.servers[0].name]
    assert not FarTriton.opened[0].answers, "its client is closed"
    tasks[0].cancel()
    await asyncio.wait(tasks)
    await host.close()


def resident(server: str) -> float | None:
    """What the metrics say of the voice on a server; None: nothing."""
    labels = {"model": "espeak", "server": server}
    return REGISTRY.get_sample_value("vdx_model_resident", labels)


@on_virtual_time
async def test_a_server_that_is_gone_leaves_the_metrics() -> None:
    async with following() as host:
        assert resident("far") == 1
        await asyncio.sleep(40)
        assert len(host.servers) == 1
        assert resident("far") is None


@on_virtual_time
async def test_the_metrics_have_the_name_that_the_first_server_announces() -> None:
    triton, host = hosted()
    await host.load_defaults()
    before = host.servers[0].name
    host.share_leases(cast(Any, FarManager("", "", tls=TlsConfig(), load_timeout_s=1.0)))
    announce(host, name="near", addr=triton.config.url)
    await AnnouncedServers(host, host.config, on_disk).follow()
    assert host.servers[0].name == "near"
    assert (resident(before), resident("near")) == (None, 1)
    await host.close()


@on_virtual_time
async def test_what_cannot_be_used_is_left_alone() -> None:
    """One without a manager, and the one that this process was started with."""
    triton, host = hosted()
    await host.load_defaults()
    following = AnnouncedServers(host, host.config, on_disk)
    announce(host, manager="")
    await following.follow()
    announce(host, name="near", addr=triton.config.url)
    await following.follow()
    assert len(host.servers) == 1
    assert FarTriton.opened == []
    await host.close()


@on_virtual_time
async def test_one_that_is_announced_while_another_is_opened_is_used_next() -> None:
    _, host = hosted()
    await host.load_defaults()
    following = AnnouncedServers(host, host.config, on_disk)
    announce(host)
    asyncio.get_running_loop().call_soon(lambda: announce(host, name="other"))
    running = asyncio.create_task(following.run())
    await asyncio.sleep(3)
    assert {server.name for server in host.servers[1:]} == {"far", "other"}
    running.cancel()
    await asyncio.wait({running})
    await host.close()


@asynccontextmanager
async def following() -> AsyncIterator[Application]:
    """A process that follows the announcements of `far`."""
    _, host = hosted()
    host.manager.recovery._processes = cast(Any, NoProcesses())
    await host.load_defaults()
    host.announced = AnnouncedServers(host, host.config, on_disk)
    watch = asyncio.create_task(host.watch_models())
    announce(host)
    await asyncio.sleep(2)
    try:
        yield host
        assert not watch.done(), watch
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await host.close()


def there(host: Application) -> ModelServer:
    (server,) = [each for each in host.servers if each.name == "far"]
    return server


@on_virtual_time
async def test_the_leases_of_a_server_that_comes_back_are_held_there_again() -> None:
    async with following() as host:
        host.servers[0].draining = True
        session = opened(host)
        before = there(host)
        assert before.manager.residency.leases("espeak") == {session.id}
        FarTriton.opened[0].lost()
        host.routes.lost(before)
        await asyncio.sleep(2)
        announce(host)
        await asyncio.sleep(2)
        assert there(host) is not before
        assert there(host).manager.residency.leases("espeak") == {session.id}
        assert before.manager.residency.leases("espeak") == frozenset()
        assert (session.id, "espeak") in FarManager.held


@on_virtual_time
async def test_one_that_is_started_again_elsewhere_is_opened_there() -> None:
    async with following() as host:
        before = there(host)
        for _ in range(9):
            announce(host, manager="http://far:9999")
            await asyncio.sleep(2)
        assert there(host) is not before
        assert there(host).client.config.url == "far:8001"
        FarTriton.opened[1].lost()
        there(host).answers = False
        announce(host, addr="far:8002", manager="http://far:9999")
        await asyncio.sleep(2)
        assert there(host).client.config.url == "far:8002"
        assert not FarTriton.opened[0].answers, "the old one is closed"


@on_virtual_time
async def test_one_that_cannot_be_used_is_told_and_tried_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with following() as host:

        def refuse(url: str, *_: Any, **__: Any) -> None:
            raise ValueError(f"no URL: {url}")

        with monkeypatch.context() as broken, capture_logs() as logs:
            broken.setattr(announced_servers, "ManagerClient", refuse)
            announce(host, name="bad", addr="bad:8001", manager="http://[")
            await asyncio.sleep(5)
        told = [log for log in logs if log["event"] == "model server cannot be used"]
        assert [(log["server"], log["log_level"]) for log in told] == [("bad", "error")]
        assert [server.name for server in host.servers[1:]] == ["far"]
        announce(host, name="bad", addr="bad:8001", manager="http://[")
        await asyncio.sleep(8)
        assert {server.name for server in host.servers[1:]} == {"far", "bad"}


@on_virtual_time
async def test_what_its_manager_was_told_to_unload_is_not_loaded_by_sessions() -> None:
    async with following() as host:
        absent = VOICE | {"state": "absent", "unloaded": True}
        models = {"espeak": VOICE, "pocketsphinx-en": RECOGNISER, "tone": absent}
        announce(host, models=models)
        session = opened(host)
        async for _ in host.routes.of(session.id).synthesize(Voice("tone", "en"), "hello"):
            pass
        await asyncio.sleep(2)
        assert [each.manager.info("tone") for each in host.servers] == [None, None]


@on_virtual_time
async def test_of_two_by_one_name_the_first_is_kept() -> None:
    async with following() as host:
        before = there(host)
        for number in range(20):
            announce(host, addr=f"far:800{1 + number % 2}")
            await asyncio.sleep(5)
        assert there(host) is before


@on_virtual_time
async def test_an_unload_reaches_what_others_had_loaded_there() -> None:
    async with following() as host:
        assert there(host).manager.info("tone") is None, "nobody here has asked for it"
        await host.switching.unload("tone")
        assert FarManager.unloaded == ["tone"]
        assert not await host.switching.unload_when_free("tone")
        assert FarManager.unloaded == ["tone", "tone"]


@on_virtual_time
async def test_sessions_that_come_at_once_spread_over_announced_servers() -> None:
    async with following() as host:
        announce(host, name="other", addr="other:8001")
        await asyncio.sleep(2)
        host.servers[0].draining = True
        sessions = [opened(host) for _ in range(8)]
        held = [len(each.manager.residency.leases("espeak")) for each in host.servers]
        assert held == [0, 4, 4]
        for session in sessions:
            host.forget(session)


@on_virtual_time
async def test_one_that_drains_here_does_so_when_it_is_back() -> None:
    async with following() as host:
        before = there(host)
        before.draining = True
        host.routes.registry.leave("far")
        await asyncio.sleep(4)
        assert len(host.servers) == 1
        announce(host)
        await asyncio.sleep(2)
        assert there(host) is not before
        assert there(host).draining


def test_a_frontend_begins_with_no_name_that_is_announced() -> None:
    """Else what the manager tells of its server, a drain too, would not be taken."""
    config = Config.model_validate(
        {"registry": {"name": "near"}, "model_manager": {"url": "http://near:8090"}}
    )
    assert provisional_name(config) not in ("near", server_name(0), f"triton@{platform.node()}")
