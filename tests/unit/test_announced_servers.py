"""Servers that other processes announce: used while they are there, left when they are gone."""

import asyncio
from collections.abc import Iterable
from typing import Any, Self, cast

import pytest

from tests.unit.serving.fakes import NoProcesses
from tests.unit.test_app import KINDS, hosted, opened
from tests.unit.test_servers import Talking, on_disk
from tests.unit.virtual_time import on_virtual_time
from vdx.app import Application, announced_servers
from vdx.app.announced_servers import AnnouncedServers
from vdx.core.config import TritonConfig
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

    def __init__(self, url: str, key: str, *, load_timeout_s: float) -> None:
        self.url = url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...
    async def load(self, model: str) -> None: ...
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
